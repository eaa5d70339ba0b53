"""A whole run of a plan made by hand: what it leaves, and what it does not do twice."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import run_fakes as fakes
import soundfile
import sounds
from run_fakes import Files, Finish, Gain, Make, Split, Step, Words, Wrong, calls

from polish.errors import BadInput, OutputError, StageFailed, UsageError
from polish.run import Event, Result
from polish.run import folder as folders
from polish.run.events import Teller, telling
from polish.run.runner import perform

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


@pytest.fixture
def draft(tmp_path) -> Path:
    return make_draft(tmp_path / "my song.wav")


def make_draft(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        samples = sounds.noise(0.5, seed=seed).samples.T
        soundfile.write(file, samples, sounds.RATE_HZ, subtype="FLOAT", format="WAV")
    return path


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of everything that was delivered, by name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and folders.HIDDEN not in path.relative_to(folder).parts
    }


def journal(result: Result | Path) -> list[dict]:
    folder = result if isinstance(result, Path) else result.folder
    return [json.loads(line) for line in (folder / ".polish/journal.jsonl").read_text().splitlines()]


def test_a_run_leaves_a_folder_with_everything(draft, tmp_path):
    result = perform(fakes.usual(), draft, out=tmp_path / "out")
    assert result.folder == tmp_path / "out" / "my song"
    wanted = {
        "finish.raw",
        "stems/vocals.raw",
        "stems/other.raw",
        "my song.txt",
        "facts.json",
        "provenance.json",
    }
    assert set(contents(result.folder)) == wanted
    assert {path.relative_to(result.folder).as_posix() for path in result.files} == wanted
    assert result.facts == json.loads((result.folder / "facts.json").read_text())
    for file in result.facts["files"]:
        data = (result.folder / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_facts_say_what_is_known_without_clock_or_path(draft, tmp_path):
    text = tmp_path / "like.txt"
    text.write_text("gently")
    plan = fakes.plan(Split(), Gain(like=str(text)), Finish(), deliver=(Files(), Words()))
    result = perform(plan, draft, out=tmp_path / "out")
    facts = result.facts
    assert facts["title"] == "my song"
    assert (facts["duration_s"], facts["sample_rate_hz"], facts["channels"]) == (0.5, 44_100, 2)
    assert facts["before"]["duration_s"] == 0.5
    assert [step["id"] for step in facts["steps"]] == ["split", "gain", "finish"]
    assert facts["steps"][0]["measurements"]["share_percent"] == 25.0
    assert facts["recipe"]["steps"][1]["settings"]["like"] == "like.txt"
    assert facts["masters"][0]["id"] == "finish"
    assert facts["notices"] == [
        "split: split at 0.25", "gain: gently", "files: raw samples",
        "words: not delivered: there are no beats",
    ]  # fmt: skip
    for name in ("facts.json", "provenance.json"):
        text = (result.folder / name).read_text()
        assert str(tmp_path) not in text
        assert "seconds" not in text


def test_provenance_names_the_draft_by_its_samples(draft, tmp_path):
    result = perform(fakes.usual(), draft, out=tmp_path / "out", seed=7)
    known = json.loads((result.folder / "provenance.json").read_text())
    assert known["draft"]["samples_sha256"] == hashlib.sha256(sounds.noise(0.5).samples.tobytes()).hexdigest()
    assert known["seed"] == 7
    assert known["generated_with"] is None
    assert known["files"][0]["name"] == "finish.raw"


def test_the_same_command_again_does_no_work_and_leaves_the_same_bytes(draft, tmp_path):
    first = perform(fakes.usual(), draft, out=tmp_path / "out")
    before = contents(first.folder)
    stamps = {path: path.stat().st_mtime_ns for path in first.files}
    calls.clear()
    again = perform(fakes.usual(), draft, out=tmp_path / "out")
    assert not calls
    assert contents(again.folder) == before
    assert {path: path.stat().st_mtime_ns for path in again.files} == stamps
    assert again.facts == first.facts
    records = journal(again)
    second = records[[r["event"] for r in records].index("run_done") + 1 :]
    assert [r["status"] for r in second if r["event"] == "step"] == ["cached"] * 4
    assert all(r["cached"] for r in second if r["event"] == "delivered")
    assert all(step.cached for step in again.steps)


def test_a_changed_last_step_runs_alone(draft, tmp_path):
    perform(fakes.usual(), draft, out=tmp_path / "out")
    calls.clear()
    result = perform(fakes.usual(peak=0.5), draft, out=tmp_path / "out")
    assert calls == {"finish": 1, "files": 1}
    fresh = perform(fakes.usual(peak=0.5), draft, out=tmp_path / "elsewhere", fresh=True)
    assert contents(fresh.folder) == contents(result.folder)


def test_fresh_does_everything_again_with_the_same_bytes(draft, tmp_path):
    before = contents(perform(fakes.usual(), draft, out=tmp_path / "out").folder)
    calls.clear()
    assert contents(perform(fakes.usual(), draft, out=tmp_path / "out", fresh=True).folder) == before
    assert calls == {"split": 1, "find": 1, "gain": 1, "finish": 1, "files": 1, "words": 1}


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_delivered_file_that_was_harmed_is_written_again(draft, tmp_path, harm):
    result = perform(fakes.usual(), draft, out=tmp_path / "out")
    before = contents(result.folder)
    for name in ("finish.raw", "facts.json"):
        path = result.folder / name
        path.unlink()
        if harm == "changed":
            path.write_bytes(b"other")
    calls.clear()
    assert contents(perform(fakes.usual(), draft, out=tmp_path / "out").folder) == before
    assert calls == {"files": 1}


def test_a_spoiled_cache_is_made_anew_within_the_run(draft, tmp_path):
    result = perform(fakes.usual(), draft, out=tmp_path / "out")
    before = contents(result.folder)
    for path in Path(os.environ["POLISH_CACHE"]).glob("objects/*/*"):
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.unlink()
        path.write_bytes(data)
    (result.folder / "finish.raw").unlink()
    assert contents(perform(fakes.usual(), draft, out=tmp_path / "out").folder) == before


def test_a_run_without_a_cache_leaves_the_same_files(draft, tmp_path, monkeypatch):
    before = contents(perform(fakes.usual(), draft, out=tmp_path / "out").folder)
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("POLISH_CACHE", str(blocked / "cache"))
    told: list[Event] = []
    result = perform(fakes.usual(), draft, out=tmp_path / "again", teller=Teller(told.append))
    assert contents(result.folder) == before
    assert any("working in memory" in event.message for event in told)


def test_another_draft_of_the_same_title_is_refused_unless_fresh(draft, tmp_path):
    first = perform(fakes.usual(), draft, out=tmp_path / "out")
    before = contents(first.folder)
    other = make_draft(tmp_path / "other" / "my song.wav", seed=9)
    with pytest.raises(UsageError, match="holds the results of another draft") as caught:
        perform(fakes.usual(), other, out=tmp_path / "out")
    assert "--fresh" in str(caught.value)
    assert contents(first.folder) == before
    plan = fakes.plan(Finish(), deliver=(Files(suffix=".bin"),))
    replaced = perform(plan, other, out=tmp_path / "out", fresh=True)
    assert set(contents(replaced.folder)) == {"finish.bin", "facts.json", "provenance.json"}
    perform(plan, other, out=tmp_path / "out")


def test_what_the_recipe_no_longer_makes_goes_unless_someone_changed_it(draft, tmp_path):
    result = perform(fakes.usual(), draft, out=tmp_path / "out")
    (result.folder / "stems/vocals.raw").write_bytes(b"mine now")
    (result.folder / "notes.txt").write_text("mine")
    plan = fakes.plan(*fakes.usual().steps, deliver=(Files(suffix=".bin"),))
    names = set(contents(perform(plan, draft, out=tmp_path / "out").folder))
    assert names == {
        "finish.bin", "stems/vocals.bin", "stems/other.bin", "stems/vocals.raw", "notes.txt", "facts.json",
        "provenance.json",
    }  # fmt: skip


def test_another_recipe_leaves_the_files_of_the_first(draft, tmp_path):
    perform(fakes.usual(), draft, out=tmp_path / "out")
    plan = fakes.plan(Finish(), deliver=(Files(suffix=".bin"),), name="other")
    for _ in range(2):
        names = set(contents(perform(plan, draft, out=tmp_path / "out").folder))
        assert {"finish.raw", "finish.bin", "my song.txt"} <= names


def test_two_deliveries_that_write_one_file_are_told_apart_in_words(draft, tmp_path):
    plan = fakes.plan(Finish(), deliver=())
    twice = (fakes.Planned("a", Files()), fakes.Planned("b", Files()))
    with pytest.raises(UsageError, match=r"a and b both write finish\.raw"):
        perform(fakes.Plan(plan.steps, twice), draft, out=tmp_path / "out")


def test_a_bad_draft_makes_no_folder(tmp_path):
    bad = tmp_path / "song.wav"
    bad.write_text("no sound")
    for path in (bad, tmp_path / "missing.wav"):
        with pytest.raises(BadInput):
            perform(fakes.usual(), path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["né 雪.wav", "two\nlines.wav", "-o.wav", "'quoted' \"twice\".wav", "\udcff.wav"]
)
def test_any_file_name_will_do(tmp_path, name):
    result = perform(fakes.usual(), make_draft(tmp_path / "in" / name), out=tmp_path / "out")
    assert "facts.json" in contents(result.folder)
    assert result.facts["title"] == result.folder.name == folders.title(Path(name).stem)


def test_a_second_run_into_the_same_folder_is_refused_at_once(draft, tmp_path):
    with folders.held(tmp_path / "out/my song"), pytest.raises(UsageError, match="another run"):
        perform(fakes.usual(), draft, out=tmp_path / "out")
    assert not calls


def test_a_disk_without_room_stops_the_run_before_any_work(draft, tmp_path, monkeypatch):
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1 << 20}))
    with pytest.raises(OutputError, match="the disk is full"):
        perform(fakes.usual(), draft, out=tmp_path / "out")
    assert not calls


@pytest.mark.parametrize(("how", "error"), [("fails", StageFailed), ("crashes", ZeroDivisionError)])
def test_a_failed_step_leaves_journal_and_lock_in_order(draft, tmp_path, how, error):
    plan = fakes.plan(Split(), Step("bad", Wrong(how=how)), Finish(), deliver=(Files(),))
    with pytest.raises(error):
        perform(plan, draft, out=tmp_path / "out")
    folder = tmp_path / "out/my song"
    assert contents(folder) == {}
    assert [(r["event"], r.get("status")) for r in journal(folder)] == [
        ("run", None), ("step", "done"), ("step", "failed"), ("run_failed", None),
    ]  # fmt: skip
    perform(fakes.usual(), draft, out=tmp_path / "out")
    assert calls["split"] == 1


def test_an_interrupt_leaves_nothing_half_written(draft, tmp_path, monkeypatch):
    def interrupted(self, song, folder):
        from polish.files import whole_file

        with whole_file(folder / "half.raw") as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    monkeypatch.setattr(Files, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        perform(fakes.usual(), draft, out=tmp_path / "out")
    for place in (tmp_path / "out", Path(os.environ["POLISH_CACHE"])):
        assert not list(place.rglob(".part-*"))


def test_a_folder_of_stems_is_a_song(tmp_path):
    folder = tmp_path / "My Band"
    for name, stem in sounds.band(0.5).items():
        (folder).mkdir(exist_ok=True)
        soundfile.write(folder / f"{name}.wav", stem.samples.T, stem.rate_hz, subtype="FLOAT")
    result = perform(fakes.plan(Finish(), deliver=(Files(),)), folder, out=tmp_path / "out")
    assert result.folder.name == "My Band"
    assert {"stems/drums.raw", "stems/vocals.raw"} <= set(contents(result.folder))


def test_a_generated_song_is_called_by_its_prompt(tmp_path):
    plan = fakes.plan(Make(prompt="warm lo-fi, 80 BPM: with a piano and much rain outside"), Finish())
    result = perform(plan, None, out=tmp_path / "out", seed=2)
    assert result.folder.name == "warm lo-fi, 80 BPM_ with a piano and"
    assert result.facts["duration_s"] == 0.5
    calls.clear()
    perform(plan, None, out=tmp_path / "out", seed=2)
    assert not calls
    perform(plan, None, out=tmp_path / "out", seed=3)
    assert calls["make"] == 1


def test_events_go_to_a_file_and_to_a_watcher(draft, tmp_path):
    told: list[Event] = []
    with telling(tmp_path / "events.jsonl", told.append) as teller:
        perform(fakes.usual(), draft, out=tmp_path / "out", teller=teller)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == [event.kind for event in told]
    kinds = [event.kind for event in told]
    assert kinds[0] == "run_started" and kinds[-1] == "run_done"
    assert {"step_started", "step_progress", "step_done", "notice", "delivered"} <= set(kinds)
    with pytest.raises(OutputError), telling(tmp_path / "no/such/folder.jsonl", None):
        pass


def test_progress_never_goes_backwards_and_comes_in_hundredths():
    told: list[Event] = []
    teller = Teller(told.append)
    teller.tell("step_started", "mix")
    threads = [
        threading.Thread(target=lambda: [teller.tell("step_progress", "mix", i / 5000) for i in range(5001)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fractions = [event.fraction for event in told if event.kind == "step_progress"]
    assert fractions == sorted(set(fractions))
    assert len(fractions) <= 102
    assert fractions[-1] == 1.0


SLOW_RUN = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
import run_fakes
from polish.run.runner import perform
perform(run_fakes.usual(), sys.argv[1], out=sys.argv[2])
"""


def test_a_killed_run_resumes_and_ends_with_the_same_files(draft, tmp_path):
    environment = {**os.environ, "POLISH_TEST_SLOW": "0.15"}

    def start(out: Path) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(draft), str(out)], env=environment)

    wanted = contents(perform(fakes.usual(), draft, out=tmp_path / "undisturbed").folder)
    environment["POLISH_CACHE"] = str(tmp_path / "its own cache")
    folder, rng, killed = tmp_path / "out/my song", random.Random(5), 0
    for _ in range(6):
        process = start(tmp_path / "out")
        watched = folder / ".polish/journal.jsonl"
        size = watched.stat().st_size if watched.exists() else 0
        while process.poll() is None and (not watched.exists() or watched.stat().st_size == size):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.5))
        if process.poll() is None:
            killed += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed >= 2
    assert start(tmp_path / "out").wait() == 0
    assert contents(folder) == wanted
    records = journal(folder)
    assert sum(r["event"] == "run" for r in records) == 7
    done = [r["step"] for r in records if r.get("status") == "done"]
    assert len(done) <= 4 + killed
