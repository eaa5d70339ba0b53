"""Many songs: which they are, that each gets its row, and that one never stops another."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
import soundfile
import sounds

from polish.batch import batch, cluster, inputs, local, many, rows
from polish.batch.worker import Job
from polish.errors import BatchFailed, RecipeError, UsageError
from polish.run import folder as folders

HERE = Path(__file__).parent


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def write(path: Path, seconds: float = 1.0, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = sounds.noise(seconds, seed=seed, pink=True)
    soundfile.write(path, sound.samples.T, sound.rate_hz)
    return path


def test_folders_are_searched_by_name_and_stems_are_one_song(tmp_path):
    names = ["b.mp3", "a.wav", "notes.txt", ".hidden.wav", "deep/c.flac", "band/vocals.wav", "band/drums.wav",
             "loops/drums.wav", "loops/take.wav", "done/song.wav", "done/.polish/journal.jsonl"]  # fmt: skip
    touch(*(tmp_path / name for name in names))
    found = [path.relative_to(tmp_path).as_posix() for path in inputs.songs([tmp_path])]
    assert found == ["a.wav", "b.mp3", "band", "deep/c.flac", "loops/drums.wav", "loops/take.wav"]


def test_patterns_files_and_doubles(tmp_path):
    touch(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.txt", tmp_path / "odd [1].wav")
    given = [tmp_path / "b.wav", str(tmp_path / "*"), tmp_path / "odd [1].wav", tmp_path / "gone.wav"]
    assert [path.name for path in inputs.songs(given)] == ["b.wav", "a.wav", "odd [1].wav", "gone.wav"]


# Work for real processes: named by the job's file.
def odd_work(job: Job) -> dict:
    if job.file == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.file == "exits":
        os._exit(3)
    if job.file == "sleeps":
        try:
            Path(job.out, "started").touch()
            time.sleep(60)
        finally:
            Path(job.out, "tidied").touch()
    return {"file": job.name, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS")}


def test_a_worker_that_dies_takes_no_other_song_with_it(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = ["one", "dies", "two", "exits", "three"]
    jobs = [Job("r", "out", file=name, name=name, title=name) for name in names]
    found = {job.file: row for job, row in local.run(jobs, 2, odd_work)}
    assert set(found) == set(names)
    assert found["dies"]["status"] == found["exits"]["status"] == "failed"
    assert "SIGKILL; was there too little memory?" in found["dies"]["error"]
    assert "exit code 3" in found["exits"]["error"]
    assert int(found["one"]["threads"]) >= 1
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.getpid() not in {found[name]["pid"] for name in ("one", "two", "three")}


def test_a_process_takes_one_song_after_the_other():
    jobs = [Job("r", "out", file=str(i), name=str(i)) for i in range(4)]
    assert len({row["pid"] for _, row in local.run(jobs, 1, odd_work)}) == 1


def test_an_interrupted_batch_lets_its_workers_tidy_up(tmp_path):
    results = local.run([Job("r", str(tmp_path), file=f) for f in ("one", "sleeps")], 2, odd_work)
    next(results)
    while not (tmp_path / "started").exists():
        time.sleep(0.02)
    results.close()
    assert (tmp_path / "tidied").exists()


@pytest.fixture
def faked(monkeypatch) -> list[Job]:
    """`batch` without processes and recipes: songs whose name has ``bad`` in it fail; the jobs done."""
    seen: list[Job] = []

    def run(jobs, workers, work):
        for job in jobs:
            seen.append(job)
            if "bad" in job.file:
                yield job, rows.failed(job, "it is bad", 5)
            else:
                result = Path(job.out, job.title, "facts.json")
                touch(result)
                facts = {"title": job.title, "duration_s": 1.0, "sample_rate_hz": 44100, "channels": 2,
                         "before": None, "beats": None, "findings": [], "masters": [], "files": [],
                         "notices": []}  # fmt: skip
                from polish.run import hashing

                yield job, rows.done(job, facts, "digest", hashing.of_file(job.file))

    from polish.run import runner

    plan = type("Plan", (), {"digest": "digest", "steps": ()})
    monkeypatch.setattr(runner, "planned", lambda *_, **__: plan)
    monkeypatch.setattr(many.local, "run", run)
    return seen


def read_rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "facts.jsonl").read_text().splitlines()]


def test_a_row_for_every_song_and_failures_at_the_end(faked, tmp_path):
    songs = [write(tmp_path / f"{name}.wav", 0.1) for name in ("c", "bad", "a")]
    told: list[str] = []
    summary = batch("loudness", songs, out=tmp_path / "out", watch=told.append)
    assert [row["status"] for row in summary.rows] == ["done", "failed", "done"]
    assert read_rows(tmp_path / "out") == list(summary.rows)
    assert told[1] == f"[2/3] {songs[1]}: failed: it is bad"
    assert str(summary).startswith("3 songs: 2 done, 1 failed")
    assert summary.facts()["failures"] == [{"file": str(songs[1]), "error": "it is bad", "exit_code": 5}]
    with pytest.raises(BatchFailed, match="1 of 3 songs failed") as caught:
        summary.raise_for_failures()
    assert caught.value.exit_code == 6


def test_a_second_batch_does_what_is_left(faked, tmp_path):
    for name in ("a", "bad", "c"):
        write(tmp_path / "in" / f"{name}.wav", 0.1)
    batch("loudness", [tmp_path / "in"], out=tmp_path / "out")
    with (tmp_path / "out/facts.jsonl").open("a") as file:
        file.write('{"file": "torn')
    faked.clear()
    write(tmp_path / "in/d.wav", 0.1)
    write(tmp_path / "in/c.wav", 0.1, seed=4)
    summary = batch("loudness", [tmp_path / "in"], out=tmp_path / "out")
    assert [Path(job.file).stem for job in faked] == ["bad", "c", "d"]
    assert [job.replaces for job in faked] == [True, True, False]
    assert summary.skipped == 1
    assert [Path(row["file"]).stem for row in read_rows(tmp_path / "out")] == ["a", "bad", "c", "d"]
    faked.clear()
    (tmp_path / "out/a/facts.json").unlink()
    batch("loudness", [tmp_path / "in/a.wav", tmp_path / "in/c.wav"], out=tmp_path / "out", seed=1)
    assert [Path(job.file).stem for job in faked] == ["a", "c"]
    faked.clear()
    batch("loudness", [tmp_path / "in/a.wav"], out=tmp_path / "out", seed=1, fresh=True)
    assert len(faked) == 1
    assert [Path(row["file"]).stem for row in read_rows(tmp_path / "out")] == ["bad", "d", "c", "a"]


def test_songs_of_one_name_get_folders_of_their_own_and_keep_them(faked, tmp_path):
    for name in ("b/song.wav", "c/Song.mp3"):
        write(tmp_path / "in" / Path(name).with_suffix(".wav"), 0.1)
    batch("loudness", [tmp_path / "in"], out=tmp_path / "out")
    assert [job.title for job in faked] == ["song", "Song (2)"]
    write(tmp_path / "in/a/song.wav", 0.1)
    faked.clear()
    batch("loudness", [tmp_path / "in"], out=tmp_path / "out", fresh=True)
    assert [job.title for job in faked] == ["song (3)", "song", "Song (2)"]


def test_what_cannot_work_is_said_before_anything_begins(faked, tmp_path):
    song = write(tmp_path / "a.wav", 0.1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no sound files"):
        batch("loudness", [tmp_path / "empty"], out=tmp_path / "out")
    with pytest.raises(UsageError, match="workers"):
        batch("loudness", [song], out=tmp_path / "out", workers=0)
    out = tmp_path / "out"
    with folders.locked(out / folders.HIDDEN), pytest.raises(UsageError, match="another run"):
        batch("loudness", [song], out=out)
    assert not faked


def test_a_wrong_recipe_stops_the_batch_before_it_begins(tmp_path):
    song = write(tmp_path / "a.wav", 0.1)
    with pytest.raises(RecipeError):
        batch("no-such-recipe", [song], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_real_batch_on_two_processes(tmp_path):
    for seed, name in enumerate(("one", "two")):
        write(tmp_path / "in" / f"{name}.wav", 2.0, seed)
    touch(tmp_path / "in/empty.wav")
    summary = batch("loudness", [tmp_path / "in", tmp_path / "gone.wav"], out=tmp_path / "out", workers=2)
    assert [(Path(row["file"]).name, row["exit_code"]) for row in summary.rows] == [
        ("empty.wav", 3), ("one.wav", 0), ("two.wav", 0), ("gone.wav", 3),
    ]  # fmt: skip
    assert (tmp_path / "out/one/facts.json").is_file()
    again = batch("loudness", [tmp_path / "in"], out=tmp_path / "out")
    assert again.skipped == 2


def test_without_ray_the_package_to_install_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'polish-audio\[ray\]'"):
        next(cluster.run([], "local"))


def test_a_ray_cluster_does_the_same(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    jobs = [Job("r", "out", file=name, name=name) for name in ("one", "dies", "two")]
    found = {job.file: row for job, row in cluster.run(jobs, "local", odd_work)}
    assert found["dies"]["status"] == "failed"
    assert found["one"]["file"] == "one" and found["two"]["file"] == "two"
