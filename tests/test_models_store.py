"""Weights are verified, resumed, and never trusted without a reason. The server is on loopback."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from typed import Type

from polish.errors import ModelUnavailable, OutputError, UsageError
from polish.models import engines, fetching, manifest, store
from polish.models.fetching import Wanted

CONTENT = b"PK" + bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Weights(BaseHTTPRequestHandler):
    """Serves CONTENT as `whole`, `short` (breaks off), `tampered` and `page` (HTML, status 200)."""

    ranges: list[str] = []  # noqa: RUF012 - reset by the fixture
    served = 0

    def do_GET(self) -> None:
        body = {"/tampered": CONTENT[:-1] + b"?", "/page": b"<html>not found</html>"}.get(self.path, CONTENT)
        type(self).served += 1
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
    Weights.ranges, Weights.served = [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Weights) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def fetch(server: str, what: str, folder: Path, sha256: str = SHA256) -> None:
    fetching.fetch_all("m", [Wanted("w.pt", f"{server}/{what}", sha256, None)], folder, lambda _: None)


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
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=fetch, args=(server, "whole", tmp_path)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert (tmp_path / "w.pt").read_bytes() == CONTENT
    assert Weights.served == 1


def test_a_file_of_unknown_hash_is_held_to_what_came_first(server: str, tmp_path: Path) -> None:
    fetch(server, "whole", tmp_path, sha256="")
    pinned = json.loads((tmp_path / "pins.json").read_text())
    assert pinned["sha256"] == {"w.pt": SHA256}
    fetch(server, "tampered", tmp_path, sha256=pinned["sha256"]["w.pt"])
    assert (tmp_path / "w.pt").read_bytes() == CONTENT, "what is there already is right, and stays"
    (tmp_path / "w.pt").unlink()
    with pytest.raises(ModelUnavailable, match="SHA-256 differs"):
        fetch(server, "tampered", tmp_path, sha256=pinned["sha256"]["w.pt"])


def test_a_web_page_is_never_held_for_weights(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="it is a web page"):
        fetch(server, "page", tmp_path, sha256="")
    assert not [path for path in tmp_path.iterdir() if path.name != ".lock"]


def test_what_lay_there_before_is_not_held_for_fetched(server: str, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"from somewhere")
    fetch(server, "whole", tmp_path, sha256="")
    assert (tmp_path / "w.pt").read_bytes() == CONTENT


def test_without_a_hash_and_without_tls_nothing_is_fetched(tmp_path: Path) -> None:
    assert fetching.trustworthy("https://example.org/w.pt")
    for url in ("http://example.org/w.pt", "ftp://127.0.0.1/w.pt", "file:///w.pt"):
        assert not fetching.trustworthy(url)
    with pytest.raises(ModelUnavailable, match="is not https"):
        fetch("http://example.org", "whole", tmp_path, sha256="")


def test_a_full_disk_is_seen_before_the_first_byte(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="are free"):
        fetch(server, "whole", tmp_path)


def test_a_disk_that_fills_up_on_the_way_keeps_what_has_come(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(fetching.os, "fsync", full)
        with pytest.raises(OutputError, match="the disk is full"):
            fetch(server, "whole", tmp_path)
    assert not (tmp_path / "w.pt").exists()
    assert (tmp_path / "w.pt.part").exists()
    fetch(server, "whole", tmp_path)
    assert (tmp_path / "w.pt").read_bytes() == CONTENT


def test_the_bar_grows_to_its_end(server: str, tmp_path: Path) -> None:
    told: list[float] = []
    fetching.fetch_all("m", [Wanted("w.pt", f"{server}/whole", SHA256, None)], tmp_path, told.append)
    assert told == sorted(told)
    assert told[0] < 1 == told[-1]


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


def test_a_pickle_of_demucs_is_refused_with_the_reason() -> None:
    put("htdemucs/955717e8-8726e21a.th")
    with pytest.raises(ModelUnavailable, match="eight digits of a hash are no proof") as caught:
        store.path("htdemucs/955717e8.safetensors")
    assert "polish models fetch htdemucs" in str(caught.value)


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
    assert store.files("mine") == ("mine/mine.pt",)


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


def test_offline_nobody_is_asked_and_online_only_where_the_first_engine_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(store, "_reachable", lambda url: not asked.append(url))
    for kind in engines.OURS:
        assert engines.choose(kind, offline=True).name == "builtin"
    assert asked == []
    assert engines.choose("separator", offline=False).state == "fetchable"
    assert set(asked) == {manifest.load()["htdemucs"].source}


def test_every_engine_with_weights_is_in_the_manifest_with_all_its_files() -> None:
    known = manifest.load()
    for kind, names in engines.OURS.items():
        for name in set(names) - {"builtin"}:
            assert known[name].kind == kind
            for file in engines.find(kind, name).weights[name]:
                patterns = known[name].files or (known[name].file_name(),)
                assert any(fnmatch(file.removeprefix(f"{name}/"), pattern) for pattern in patterns), file


def test_the_hashes_of_whisper_are_those_of_its_own_package() -> None:
    package = find_spec("whisper")
    if package is None or package.origin is None:
        pytest.skip("openai-whisper is not installed")
    its_own = Path(package.origin).read_text(encoding="utf-8")
    for name, model in manifest.load().items():
        if name.startswith("whisper-"):
            assert f'"{name.removeprefix("whisper-")}": "{model.url}"' in its_own
            assert model.url is not None
            assert model.sha256 == model.url.split("/")[-2]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{url: 'http://example.org/w.pt'}", "over TLS alone"),
        ("{url: 'https://example.org/w.pt', sha256: 8726e21a}", "64 hexadecimal digits"),
        ("{url: 'https://example.org/w.pt', hub: me/mine}", "either from a url or from a hub"),
    ],
)
def test_a_manifest_that_would_trust_too_easily_is_refused(entry: str, words: str) -> None:
    fields = "kind: separator, about: mine, licence: MIT, sells: true"
    put("manifest.yaml", f"mine: {{{fields}, {entry.strip('{}')}}}".encode())
    with pytest.raises(UsageError, match=words):
        manifest.load(store.root())


class Hub:
    """What `huggingface_hub.HfApi` answers for one repository, without a network."""

    stated = SHA256
    asked: ClassVar[list[str | None]] = []

    def model_info(self, repo: str, *, revision: str | None, **_: object) -> SimpleNamespace:
        self.asked.append(revision)
        lfs = SimpleNamespace(sha256=self.stated)
        files = [
            SimpleNamespace(rfilename="a.safetensors", lfs=lfs, size=len(CONTENT)),
            SimpleNamespace(rfilename="config.json", lfs=None, size=2),
            SimpleNamespace(rfilename="a.th", lfs=lfs, size=len(CONTENT)),
            SimpleNamespace(rfilename="more/b.safetensors", lfs=lfs, size=len(CONTENT)),
        ]
        return SimpleNamespace(sha="c0ffee", siblings=files)


@pytest.fixture
def hub(server: str, monkeypatch: pytest.MonkeyPatch) -> type[Hub]:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "hf_hub_url", lambda *_, **__: f"{server}/whole")
    monkeypatch.setattr(Hub, "asked", [])
    return Hub


def test_a_hub_model_is_held_to_the_hashes_and_the_commit_of_its_first_fetch(
    hub: type[Hub], type_: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type_("models", "fetch", "htdemucs").code == 0
    pinned = json.loads((store.root() / "htdemucs" / "pins.json").read_text())
    assert pinned == {"commit": "c0ffee", "sha256": {"a.safetensors": SHA256}}
    assert type_("models", "verify", "htdemucs", "--json").json == {"htdemucs/a.safetensors": "verified"}
    monkeypatch.setattr(hub, "stated", "1" * 64)
    said = type_("models", "fetch", "htdemucs")
    assert said.code == 4
    assert "another file on the hub now" in said.err
    assert hub.asked == [None, "c0ffee"]


def test_verify_finds_a_file_that_has_changed_and_still_looks_at_the_others(type_: Type) -> None:
    put("htdemucs/a.safetensors", b"other")
    put("htdemucs/pins.json", b'{"sha256": {"a.safetensors": "' + b"0" * 64 + b'"}}')
    put("whisper-tiny/tiny.pt")
    put("htdemucs_6s/5c90dfd2.safetensors")
    said = type_("models", "verify")
    assert said.code == 4
    assert said.out.count("not the file it should be") == 2
    assert "htdemucs_6s/5c90dfd2.safetensors: no hash known" in said.out


def test_the_list_says_size_licence_and_where_the_hash_comes_from(type_: Type) -> None:
    listed = {each["name"]: each for each in type_("models", "list", "--json").json}
    assert listed["whisper-small"]["hash"] == "in the manifest"
    assert listed["beat_this"]["hash"] == "at the first fetch"
    assert not any(each["sells"] for name, each in listed.items() if name.startswith("musicgen"))
    said = type_("models").out
    assert "CC-BY-NC-4.0, not to sell" in said
    assert "≈ 484 MB" in said
