"""Weights are verified, resumed, and never trusted without a reason. The server is on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from polish.errors import ModelUnavailable, OutputError, UsageError
from polish.models import engines, fetching, manifest, store
from polish.models.fetching import Wanted

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Weights(BaseHTTPRequestHandler):
    """Serves CONTENT as `whole`, `short` (breaks off), `tampered` and `page` (HTML, status 200)."""

    ranges: list[str] = []  # noqa: RUF012 - reset by the fixture

    def do_GET(self) -> None:
        body = {"/tampered": CONTENT[:-1] + b"?", "/page": b"<html>not found</html>"}.get(self.path, CONTENT)
        start = 0
        if wanted := self.headers.get("Range"):
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : len(body) // 2] if self.path == "/short" else body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Weights.ranges = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Weights) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def fetch(server: str, what: str, folder: Path) -> None:
    fetching.fetch_all("m", [Wanted("w.pt", f"{server}/{what}", SHA256, None)], folder, lambda _: None)


def test_a_fetched_file_is_whole_and_verified(server: str, tmp_path: Path) -> None:
    fetch(server, "whole", tmp_path)
    assert (tmp_path / "w.pt").read_bytes() == CONTENT
    assert not (tmp_path / "w.pt.part").exists()


def test_a_broken_off_fetch_goes_on_where_it_stopped(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        fetch(server, "short", tmp_path)
    assert not (tmp_path / "w.pt").exists()
    half = (tmp_path / "w.pt.part").stat().st_size
    fetch(server, "whole", tmp_path)
    assert (tmp_path / "w.pt").read_bytes() == CONTENT
    assert Weights.ranges == [f"bytes={half}-"]


@pytest.mark.parametrize("what", ["tampered", "page"])
def test_a_wrong_file_is_thrown_away(server: str, tmp_path: Path, what: str) -> None:
    with pytest.raises(ModelUnavailable, match="not the file it should be"):
        fetch(server, what, tmp_path)
    assert not (tmp_path / "w.pt").exists()
    assert not (tmp_path / "w.pt.part").exists()


def test_two_processes_fetch_a_file_once(server: str, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetch, args=(server, "whole", tmp_path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "w.pt").read_bytes() == CONTENT


def test_a_full_disk_is_seen_before_the_first_byte(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="are free"):
        fetch(server, "whole", tmp_path)


def test_an_unreachable_server_gives_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"\$POLISH_MODELS/m/"):
        fetch("http://127.0.0.1:9", "whole", tmp_path)


def put(name: str, content: bytes = b"weights") -> Path:
    path = store.root() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_safetensors_file_put_there_by_hand_is_used() -> None:
    path = put("htdemucs/955717e8.safetensors")
    assert store.state("htdemucs/955717e8.safetensors") == "here"
    assert store.path("htdemucs/955717e8.safetensors") == path


def test_a_pickle_without_a_hash_is_not_opened() -> None:
    put("htdemucs/955717e8.th")
    with pytest.raises(ModelUnavailable, match="can carry code"):
        store.path("htdemucs/955717e8.th")


def test_a_pickle_whose_hash_does_not_match_is_not_opened() -> None:
    put("whisper-tiny/tiny.pt")
    with pytest.raises(ModelUnavailable, match="not the file it should be"):
        store.path("whisper-tiny/tiny.pt")


def test_weights_of_ones_own_are_used_when_their_hash_is_stated() -> None:
    path = put("mine/mine.pt")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    put("manifest.yaml", f"""
mine: {{kind: transcriber, about: mine, licence: MIT, sells: true, url: "file:///mine.pt", sha256: {sha256}}}
""".encode())  # fmt: skip
    assert store.path("mine/mine.pt") == path
    assert store.verify("mine") == {"mine/mine.pt": "verified"}


def test_a_file_changed_after_it_was_verified_is_refused() -> None:
    put("mine/mine.pt")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    put("manifest.yaml", f"""
mine: {{kind: transcriber, about: mine, licence: MIT, sells: true, url: "file:///mine.pt", sha256: {sha256}}}
""".encode())  # fmt: skip
    store.path("mine/mine.pt")
    put("mine/mine.pt", b"something else")
    with pytest.raises(ModelUnavailable, match="not the file it should be"):
        store.path("mine/mine.pt")


def test_pinned_hashes_hold() -> None:
    put("htdemucs/a.safetensors", b"other")
    put("htdemucs/pins.json", b'{"sha256": {"a.safetensors": "' + b"0" * 64 + b'"}}')
    with pytest.raises(ModelUnavailable, match="not the file it should be"):
        store.path("htdemucs/a.safetensors")


def test_a_wrong_manifest_is_a_clear_error() -> None:
    put("manifest.yaml", b"mine: {kind: transcriber}")
    with pytest.raises(UsageError, match="not a manifest"):
        manifest.load(store.root())


def test_an_absent_model_names_the_command_that_fetches_it() -> None:
    with pytest.raises(ModelUnavailable, match="polish models fetch htdemucs") as caught:
        store.path("htdemucs/htdemucs.yaml")
    assert caught.value.exit_code == 4


def test_every_engine_with_weights_is_in_the_manifest() -> None:
    known = manifest.load()
    wanted = {name for kind in engines.OURS.values() for name in kind if name != "builtin"}
    assert wanted == set(known)
