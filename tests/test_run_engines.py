"""Engines of a run: weights fetched before work starts, in the key, and with their licence."""

from __future__ import annotations

from typing import ClassVar

import pytest
import sounds
from run_fakes import Gain, Step, calls

from polish.errors import ModelUnavailable
from polish.models import engines as engine_room
from polish.models import store
from polish.models.engines import Choice
from polish.run import carry, engines, facts
from polish.run.cache import Cache
from polish.run.events import Event, Teller
from polish.song import Song

FETCHABLE = Choice("separator", "htdemucs", "fetchable", "htdemucs: its weights will be fetched")
HERE = Choice("separator", "htdemucs", "here", "htdemucs: its weights are here")
BUILTIN = Choice("separator", "builtin", "builtin", "built-in engine: the weights of htdemucs are not here")


class Separating(Gain):
    name: ClassVar[str] = "separating"
    kind: ClassVar[str] = "separator"
    model: str = "auto"

    def engine(self) -> str:
        return self.model


class Fake(engine_room.Separator):
    weights: ClassVar = {"htdemucs": ("htdemucs/a.safetensors", "htdemucs/b.yaml")}

    def separate(self, mix, *, seed, progress, stems=(), mode="exact", shifts=0):
        return engine_room.Separated({})


@pytest.fixture(autouse=True)
def _an_engine_without_code(monkeypatch):
    calls.clear()
    monkeypatch.setattr(engine_room, "find", lambda kind, name: Fake)


@pytest.fixture
def fetches(monkeypatch) -> list[str]:
    """Fetching works; what was fetched."""
    done: list[str] = []

    def fetch(model: str, progress) -> tuple:
        done.append(model)
        progress(1.0)
        return ()

    monkeypatch.setattr(store, "fetch", fetch)
    monkeypatch.setattr(engine_room, "choose", lambda kind, name, *, offline: HERE if done else BUILTIN)
    return done


def test_weights_are_fetched_once_a_model_and_told_of(fetches):
    told: list[Event] = []
    steps, whole = engines.fetched([Step("separate", Separating(), choice=FETCHABLE)], Teller(told.append))
    assert fetches == ["htdemucs"]
    assert whole
    assert steps[0].choice == HERE
    assert [(e.kind, e.fraction) for e in told] == [("model_fetch", 0.0), ("model_fetch", 1.0)]


def test_nothing_is_fetched_for_what_is_here_or_skipped(fetches):
    given = [Step("a", Gain()), Step("b", Separating(), choice=HERE),
             Step("c", Separating(), choice=FETCHABLE, skipped="no")]  # fmt: skip
    assert engines.fetched(given, Teller()) == (tuple(given), True)
    assert fetches == []


@pytest.fixture
def _no_network(fetches, monkeypatch):
    def fetch(model: str, progress) -> tuple:
        raise ModelUnavailable("the network is down", where=model)

    monkeypatch.setattr(store, "fetch", fetch)


@pytest.mark.usefixtures("_no_network")
def test_auto_falls_back_when_the_fetch_fails():
    told: list[Event] = []
    steps, whole = engines.fetched([Step("s", Separating(), choice=FETCHABLE)], Teller(told.append))
    assert steps[0].choice == BUILTIN
    assert not whole
    assert told[-1].message == "the network is down"


@pytest.mark.usefixtures("_no_network")
def test_a_named_engine_is_needed_unless_its_step_is_optional():
    named = Separating(model="htdemucs")
    with pytest.raises(ModelUnavailable, match="the network is down"):
        engines.fetched([Step("s", named, choice=FETCHABLE)], Teller())
    steps, _ = engines.fetched([Step("s", named, choice=FETCHABLE, optional=True)], Teller())
    assert steps[0].skipped == "the network is down"


def test_other_weights_make_the_step_anew(tmp_path):
    folder = store.root() / "htdemucs"
    folder.mkdir(parents=True)
    (folder / "b.yaml").write_text("models: []")
    song = Song(mix=sounds.noise(0.1))
    for weights, runs in ((b"one", 1), (b"one", 1), (b"two", 2)):
        engines._hash.cache_clear()
        (folder / "a.safetensors").write_bytes(weights)
        carry([Step("s", Separating(), choice=HERE)], song, Cache(tmp_path))
        assert calls["s"] == runs
    assert set(engines.weights(HERE)) == {"htdemucs/a.safetensors", "htdemucs/b.yaml"}
    carry([Step("s", Separating(), choice=BUILTIN)], song, Cache(tmp_path))
    assert calls["s"] == 3


def test_a_licence_that_forbids_selling_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(Fake, "weights", {"musicgen-small": ("musicgen-small/model.safetensors",)})
    monkeypatch.setattr(engines, "_hash", lambda file: "0" * 64)
    choice = Choice("generator", "musicgen-small", "here", "as asked")
    _, done = carry(
        [Step("generate", Separating(), choice=choice)], Song(mix=sounds.noise(0.1)), Cache(tmp_path)
    )
    assert facts.notices(done, ()) == [
        "generate: the licence of musicgen-small (CC-BY-NC-4.0) forbids selling what it makes"
    ]
    assert engines.licences(HERE) == []
