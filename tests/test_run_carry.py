"""The loop: what a step sees, what it may change, what happens when it fails."""

from __future__ import annotations

import numpy as np
import pytest
import run_fakes as fakes
import sounds
from run_fakes import Find, Finish, Gain, Make, Split, Step, Wrong, calls

from polish.audio import Sound
from polish.errors import BadInput, EngineUnable, ModelUnavailable, StageFailed
from polish.run import carry
from polish.run.cache import Cache
from polish.run.events import Event, Teller
from polish.song import SLOTS, Beats, Song
from polish.stages.base import Context


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


def song(**slots) -> Song:
    mix = sounds.noise(0.25)
    return Song(draft=mix, mix=mix, **slots)


def steps(*stages):
    return fakes.plan(*stages).steps


def test_a_song_goes_through_every_step(cache):
    out, done = carry(steps(Split(), Find(), Gain(by=0.5), Finish()), song(), cache)
    assert [each.status for each in done] == ["done"] * 4
    assert set(out.stems) == {"vocals", "other"}
    assert out.beats == Beats(tempo_bpm=120.0)
    assert len(out.sections) == 2
    np.testing.assert_array_equal(out.mix.samples, song().mix.samples * np.float32(0.5))
    assert np.abs(out.masters["finish"].sound.samples).max() == pytest.approx(0.9, abs=1e-6)
    assert out.measurements == {"split": {"share_percent": 25.0, "stems": ["vocals", "other"]}}


def test_the_song_that_came_in_is_left_as_it_was(cache):
    given = song()
    before = given.mix.samples.copy()
    carry(steps(Gain(), Split()), given, cache)
    np.testing.assert_array_equal(given.mix.samples, before)
    assert given.filled() == {"draft", "mix"}


def test_sounds_lie_on_disk_after_each_step(cache):
    out, _ = carry(steps(Split(), Finish()), song(), cache)
    for sound in (out.draft, out.mix, *out.stems.values(), out.masters["finish"].sound):
        base = sound.samples
        while not isinstance(base, np.memmap):
            base = base.base
        assert base.mode == "r"
        assert not sound.samples.flags.writeable


def test_a_second_time_nothing_runs_and_all_is_the_same(cache, tmp_path):
    plan = steps(Split(), Find(), Gain(), Finish())
    first, _ = carry(plan, song(), cache)
    again, done = carry(plan, song(), Cache(tmp_path / "cache"))
    assert set(calls.values()) == {1}
    assert all(each.cached for each in done)
    assert done[0].notices == ("split at 0.25",)
    for name in ("beats", "sections", "findings", "measurements"):
        assert getattr(again, name) == getattr(first, name)
    assert list(again.stems) == list(first.stems)
    np.testing.assert_array_equal(
        again.masters["finish"].sound.samples, first.masters["finish"].sound.samples
    )
    assert again.masters["finish"].facts == first.masters["finish"].facts


def test_a_changed_setting_runs_its_step_and_what_hangs_on_it(cache):
    carry(steps(Split(), Find(), Gain(), Finish()), song(), cache)
    calls.clear()
    carry(steps(Split(), Find(), Gain(), Finish(peak=0.5)), song(), cache)
    assert calls == {"finish": 1}
    calls.clear()
    carry(steps(Split(), Find(), Gain(by=3.0), Finish()), song(), cache)
    assert calls == {"gain": 1, "finish": 1}


def test_another_song_seed_or_version_is_made_anew(cache, monkeypatch):
    plan = steps(Finish())
    carry(plan, song(), cache)
    carry(plan, song(), cache, seed=1)
    other = sounds.noise(0.25, seed=5)
    carry(plan, Song(draft=other, mix=other), cache)
    monkeypatch.setattr(Finish, "version", 2)
    carry(plan, song(), cache)
    assert calls["finish"] == 4


def test_a_slot_that_a_step_does_not_look_at_does_not_matter_to_it(cache):
    carry(steps(Finish()), song(), cache)
    carry(steps(Finish()), song(beats=Beats(tempo_bpm=90.0), title="other"), cache)
    assert calls["finish"] == 1
    carry(steps(Gain()), song(), cache)
    carry(steps(Gain()), song(beats=Beats(tempo_bpm=90.0)), cache)
    assert calls["gain"] == 2


def test_a_file_counts_by_what_is_in_it(cache, tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("one")
    moved = tmp_path / "b.txt"
    moved.write_text("one")
    carry(steps(Gain(like=str(text))), song(), cache)
    carry(steps(Gain(like=str(moved))), song(), cache)
    assert calls["gain"] == 1
    text.write_text("two")
    _, done = carry(steps(Gain(like=str(text))), song(), cache)
    assert calls["gain"] == 2
    assert done[0].notices == ("two",)
    moved.unlink()
    with pytest.raises(BadInput, match=r"b\.txt"):
        carry(steps(Gain(like=str(moved))), song(), cache)


def test_a_step_sees_what_it_declares_and_no_more(cache):
    seen: list[frozenset[str]] = []

    class Look(Gain):
        name = "look"

        def work(self, song: Song, context: Context) -> Song:
            seen.append(song.filled())
            return song

    carry(steps(Split(), Find(), Look(), Finish()), song(title="secret"), cache)
    assert seen == [{"mix", "beats"}]


def test_masters_of_several_steps_stand_side_by_side(cache):
    plan = (Step("loud", Finish(peak=0.9)), Step("soft", Finish(peak=0.1)))
    for _ in range(2):
        out, _ = carry(plan, song(), cache)
        assert list(out.masters) == ["loud", "soft"]
    assert calls == {"loud": 1, "soft": 1}


def test_the_hash_of_a_sound_is_computed_once(cache, monkeypatch):
    from polish.run import hashing

    hashed: list[bytes] = []
    real = hashing.of_samples
    monkeypatch.setattr(hashing, "of_samples", lambda s: (hashed.append(s.samples.tobytes()), real(s))[1])
    carry(steps(Split(), Find(), Gain(), Finish()), song(), cache)
    assert len(hashed) == len(set(hashed)) == 5


@pytest.mark.parametrize("how", ["nan", "inf"])
def test_nan_samples_stop_the_run_and_name_the_step(cache, how):
    with pytest.raises(StageFailed, match=r"^bad: returned NaN or infinite samples in mix"):
        carry((Step("bad", Wrong(how=how)), Step("finish", Finish())), song(), cache)
    assert not calls["finish"]


def test_nan_among_measurements_stops_the_run(cache):
    with pytest.raises(StageFailed, match="wrong: returned NaN"):
        carry(steps(Wrong(how="fact")), song(), cache)


def test_a_sound_that_is_promised_must_be_there(cache):
    with pytest.raises(StageFailed, match="wrong: returned no mix"):
        carry(steps(Wrong(how="none")), song(), cache)


def test_a_stage_that_changes_an_undeclared_slot_is_a_bug(cache):
    with pytest.raises(RuntimeError, match="changed 'beats'"):
        carry(steps(Wrong(how="undeclared")), song(), cache)


def test_mix_and_stems_that_do_not_fit_together_stop_the_run(cache):
    with pytest.raises(StageFailed, match=r"wrong: .*11024 frames.*vocals has .*11025 frames"):
        carry(steps(Wrong(how="length")), song(), cache)


def test_a_failure_names_the_step_and_keeps_the_hint(cache):
    with pytest.raises(StageFailed) as caught:
        carry((Step("third", Wrong(how="fails")),), song(), cache)
    assert str(caught.value) == "third: there is nothing to work on\n  try: another song"
    with pytest.raises(ModelUnavailable):
        carry(steps(Wrong(how="model")), song(), cache)
    with pytest.raises(ZeroDivisionError):
        carry((Step("bug", Wrong(how="crashes"), optional=True),), song(), cache)


@pytest.mark.parametrize("how", ["fails", "model", "nan"])
def test_an_optional_step_that_fails_is_left_out_with_its_reason(cache, how):
    out, done = carry((Step("maybe", Wrong(how=how), optional=True), *steps(Finish())), song(), cache)
    assert [each.status for each in done] == ["skipped", "done"]
    assert done[0].reason
    np.testing.assert_array_equal(out.mix.samples, song().mix.samples)


def test_what_an_engine_cannot_do_is_found_out_once(cache, tmp_path):
    plan = (Step("maybe", Wrong(how="unable"), optional=True), *steps(Finish()))
    for _ in range(2):
        _, done = carry(plan, song(), Cache(tmp_path / "cache"))
        assert (done[0].status, done[0].reason) == ("skipped", "it is not made for that")
    assert calls == {"maybe": 1, "finish": 1}
    with pytest.raises(EngineUnable, match=r"^maybe: it is not made .*\n  try: polish models fetch it"):
        carry((Step("maybe", Wrong(how="unable")),), song(), Cache(tmp_path / "cache"))


def test_a_step_without_what_it_reads_fails_and_an_optional_one_is_left_out(cache):
    split = Step("split", Split(), skipped="no weights")

    class UseStems(Gain):
        name = "usestems"
        reads = ("mix", "stems")

    with pytest.raises(StageFailed, match="usestems: needs stems"):
        carry((split, Step("usestems", UseStems())), song(), cache)
    _, done = carry((split, Step("usestems", UseStems(), optional=True)), song(), cache)
    assert [each.reason for each in done] == ["no weights", "needs stems, which no step before it made"]


def test_a_step_that_found_nothing_still_counts_as_having_run(cache):
    class FindNothing(Find):
        name = "findnothing"

        def work(self, song: Song, context: Context) -> Song:
            return song

    class UseSections(Gain):
        name = "usesections"
        reads = ("mix", "sections")

    _, done = carry(steps(FindNothing(), UseSections()), song(), cache)
    assert [each.status for each in done] == ["done", "done"]


def test_a_song_can_begin_with_nothing(cache):
    out, _ = carry(steps(Make(), Finish()), Song(), cache, seed=3)
    np.testing.assert_array_equal(out.draft.samples, sounds.noise(0.5, seed=3).samples)


@pytest.mark.parametrize("frames", [0, 1])
def test_hardly_any_sound_is_carried_too(cache, tmp_path, frames):
    little = Sound(np.zeros((2, frames), np.float32), 44_100)
    for _ in range(2):
        out, _ = carry(steps(Split(), Finish()), Song(draft=little, mix=little), Cache(tmp_path / "cache"))
        assert out.masters["finish"].sound.frames == frames
    assert calls["split"] == 1


def test_what_happens_is_told_in_order(cache):
    told: list[Event] = []
    plan = (*steps(Split()), Step("maybe", Wrong(how="fails"), optional=True))
    carry(plan, song(), cache, teller=Teller(told.append))
    assert [(e.kind, e.step) for e in told] == [
        ("step_started", "split"), ("step_progress", "split"), ("notice", "split"), ("step_done", "split"),
        ("step_started", "maybe"), ("step_progress", "maybe"), ("step_skipped", "maybe"),
    ]  # fmt: skip
    assert told[3].data == {"cached": False}
    told.clear()
    carry(plan[:1], song(), cache, teller=Teller(told.append))
    assert [e.kind for e in told] == ["step_started", "notice", "step_done"]
    assert told[-1].data == {"cached": True}


def test_every_slot_survives_the_cache(cache, tmp_path):
    out, _ = carry(steps(Split(), Find(), Gain(), Finish()), song(), cache)
    assert out.filled() == set(SLOTS) - {"lyrics"}
