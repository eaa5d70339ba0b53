"""What every test shares: the folder of real songs, when there is one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
# The tests share the cores as processes; threads of their own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from typed import Said, Type

REAL = Path(os.environ.get("POLISH_TEST_AUDIO", Path(__file__).parents[2] / "shared" / "audio"))


@pytest.fixture
def real() -> Path:
    """The folder of real songs; skips the test where it is absent."""
    if not REAL.is_dir():
        pytest.skip(f"no real songs at {REAL}")
    return REAL


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches and models of the tests are their own, and nothing is fetched."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("POLISH_CACHE", str(home / "cache"))
    monkeypatch.setenv("POLISH_MODELS", str(home / "models"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command; returns its exit code, stdout and stderr."""
    from polish.cli import main

    def typed(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return typed
