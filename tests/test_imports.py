"""The rooms: imports go down only, and what is heavy is imported where it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import polish

ROOT = Path(polish.__file__).parent
ROOMS = ("cli", "batch", "run", "recipe", "stages", "deliver", "report", "models", "dsp", "ground")
GROUND = ("compiled", "song", "audio", "units", "errors", "files", "declared")
HEAVY = (
    "torch", "torchaudio", "transformers", "demucs", "whisper", "faster_whisper", "librosa", "sklearn",
    "numba", "scipy", "pedalboard", "pyloudnorm", "soxr", "ray", "huggingface_hub",
)  # fmt: skip
ONLY_IN_MODELS = ("torch", "torchaudio", "transformers", "demucs", "whisper", "faster_whisper", "safetensors")
LAYERS = tuple(
    ("polish", "models", "demixing", name) for name in ("attention", "coders", "layers", "transformer")
)
"""They subclass those of torch, which no function can put off; they are imported in functions themselves."""
SOUND_FILES = ("soundfile", "mutagen", "imageio_ffmpeg", "wave", "audioread", "pydub")

FILES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> tuple[str, ...]:
    """``polish/dsp/peak.py`` as ``("polish", "dsp", "peak")``; a package is named by its folder."""
    parts = ("polish", *path.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path: Path, *, at_top: bool = False) -> Iterator[tuple[str, ...]]:
    """The modules that a file imports, as parts of absolute names; also names taken from packages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name_of(path) if path.name == "__init__.py" else name_of(path)[:-1]
    nodes = _outside_functions(tree) if at_top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            yield from ((*base, alias.name) for alias in node.names)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _for_types(child):
            continue
        yield child
        yield from _outside_functions(child)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def room(module: tuple[str, ...]) -> str | None:
    """The room a module of ours lies in; None for the package itself, which imports lazily."""
    if module[0] != "polish" or len(module) == 1:
        return None
    if module[1] in GROUND:
        return "ground"
    return module[1] if module[1] in ROOMS else None


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_go_down_only(path):
    own = room(name_of(path))
    if own is None:
        return
    for module in imports(path):
        target = room(module)
        assert target is None or ROOMS.index(target) >= ROOMS.index(own), f"{own} imports {'.'.join(module)}"


@pytest.mark.parametrize("path", sorted((ROOT / "dsp").rglob("*.py")), ids=relative)
def test_dsp_is_arrays_and_nothing_else(path):
    allowed = {"numpy", "scipy", *sys.stdlib_module_names}
    for module in imports(path):
        assert module[0] in allowed or room(module) in ("dsp", "ground"), ".".join(module)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_neural_packages_live_in_the_models_room(path):
    if room(name_of(path)) == "models":
        return
    found = {module[0] for module in imports(path)} & set(ONLY_IN_MODELS)
    assert not found


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_neural_packages_are_imported_inside_functions(path):
    at_top = set(imports(path, at_top=True))
    if name_of(path) not in LAYERS:
        assert not [module for module in at_top if module[:4] in LAYERS]
        roots = {module[0] for module in at_top}
        assert not roots & {*ONLY_IN_MODELS, "librosa", "pedalboard", "pyloudnorm", "ray", "sklearn"}


@pytest.mark.parametrize("room_", ["stages", "dsp"])
def test_stages_and_dsp_open_no_files(room_):
    reads_for_plain_use = ROOT / "stages" / "base.py"  # through `audio` and `files`; a run may give its own
    for path in sorted({*(ROOT / room_).rglob("*.py")} - {reads_for_plain_use}):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                assert name not in (
                    "open",
                    "read_text",
                    "read_bytes",
                    "write_text",
                    "write_bytes",
                    "memmap",
                ), f"{relative(path)}:{node.lineno} opens a file"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_audio_is_the_only_door_for_sound(path):
    if name_of(path)[:2] == ("polish", "audio"):
        return
    assert not {module[0] for module in imports(path)} & set(SOUND_FILES)


@pytest.mark.parametrize("statement", ["import polish", "import polish.cli", "import polish.batch"])
def test_nothing_heavy_is_imported_before_it_is_used(statement):
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {*HEAVY, "numpy", "pydantic"}


@pytest.mark.parametrize("before", ["", "import polish.run", "from polish.run import Event"])
def test_polish_run_runs_whatever_was_imported_before(before):
    code = f"""
import polish
{before}
for _ in range(2):
    try:
        polish.run("no-such-recipe", "draft.mp3")
    except polish.errors.RecipeError:
        continue
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_stage_touches_no_slot_that_it_does_not_declare():
    """A run shows a stage what it declares and nothing else: what it would look for besides is not there."""
    from polish import stages
    from polish.song import SLOTS

    for name in stages.ORDER:
        stage = stages.find(name)
        tree = ast.parse((ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8"))
        touched = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "song"
        }
        declared = {*stage.reads, *stage.uses, *stage.writes, *stage.may_write}
        assert touched & {*SLOTS, "title", "tags"} <= declared, name


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_compiled_code_is_kept_behind_a_lock(path):
    packages = {module[0] for module in imports(path)}
    if packages & {"numba", "librosa"} and relative(path) != "compiled.py":
        assert ("polish", "compiled") in {module[:2] for module in imports(path)}
        assert "numba" not in packages
