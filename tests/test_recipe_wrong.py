"""Wrong recipes: each gives its one message, exactly, and exit code 2."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_stages import SMALL
from tables import table

from polish.errors import ModelUnavailable, RecipeError
from polish.recipe import check, load

CASES = table("wrong_recipes")
HEAD = "polish: 1\nsteps:\n"


def said(text: str | bytes, folder: Path) -> str:
    """The message a recipe gives, which lies in `folder`."""
    data = text.encode() if isinstance(text, str) else text
    (folder / "wrong.yaml").write_bytes(data)
    with pytest.raises(RecipeError) as caught:
        check(load("wrong.yaml"), catalogue=SMALL)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(folder), "{folder}")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_recipe_gives_exactly_this_message(name: str, here: Path) -> None:
    text, message = CASES[name]
    assert said(text, here) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            b"",
            "wrong.yaml:1:1: the recipe is empty\n  1 |\n    | ^\n"
            "  try: begin with `polish: 1` and a list of `steps:`",
            id="empty",
        ),
        pytest.param(
            b"polish: 1\nabout: a\x07b\n",
            "wrong.yaml:2:9: an invisible control character (U+0007)\n  2 | about: a b\n    |         ^\n"
            "  try: delete it",
            id="control character",
        ),
        pytest.param(
            b"polish: 1\nabout: caf\xe9\n",
            "wrong.yaml:2:11: not UTF-8 text (byte 0xE9)\n  2 | about: caf�\n    |           ^\n"
            "  try: save the file as UTF-8",
            id="latin-1",
        ),
        pytest.param(
            "polish: 1\n".encode("utf-16"),
            "wrong.yaml:1:1: not UTF-8 text (byte 0xFF)\n  1 | ��p o l i s h :   1\n    | ^\n"
            "  try: save the file as UTF-8",
            id="utf-16",
        ),
        pytest.param(
            b"RIFF\x24\0\0\0WAVEfmt \xff\xfe",
            "wrong.yaml: not a text file\n"
            "  try: give a recipe first and the draft second: `polish run RECIPE DRAFT`",
            id="a sound",
        ),
        pytest.param(
            b"#" * (256 * 1024 + 1),
            "wrong.yaml: larger than 256 KiB, which no recipe needs\n"
            "  try: give a recipe first and the draft second: `polish run RECIPE DRAFT`",
            id="huge",
        ),
        pytest.param(
            b"steps: [" + b"a," * 20_000 + b"]",
            "wrong.yaml:1:20003: more than 10000 names and values\n"
            f"  1 | …{'a,' * 50}…\n    | {' ' * 51}^\n"
            "  try: a recipe needs a hundred or two",
            id="too many values",
        ),
    ],
)
def test_a_file_that_is_no_recipe_says_so(data: bytes, message: str, here: Path) -> None:
    assert said(data, here) == message


def test_windows_line_ends_and_a_byte_order_mark_are_read(here: Path) -> None:
    text = b"\xef\xbb\xbfpolish: 1\r\nsteps:\r\n  - chek\r\n"
    assert said(text, here).startswith("wrong.yaml:3:5: there is no stage `chek`")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "missing.yaml",
            "missing.yaml: no such file\n  try: check the path; `polish recipes` lists the shipped ones",
        ),
        (
            "folder.yaml",
            "folder.yaml: a folder, not a recipe\n"
            "  try: give a recipe first and the draft second: `polish run RECIPE DRAFT`",
        ),
    ],
)
def test_a_path_that_cannot_be_read_says_so(name: str, message: str, here: Path) -> None:
    (here / "folder.yaml").mkdir()
    with pytest.raises(RecipeError) as caught:
        load(name)
    assert str(caught.value) == message


def test_a_misspelt_shipped_name_is_mended() -> None:
    with pytest.raises(RecipeError) as caught:
        load("streming")
    assert str(caught.value).startswith(
        "no recipe is called `streming`, did you mean `streaming`?\n  try: one of "
    )


@pytest.mark.parametrize(
    "name", ["x" * 5000, '"a\\0b"', '"\\ud800"', "~no-such-user/x.wav", "no/such/folder/x.wav"]
)
def test_a_name_no_file_can_have_is_no_such_file(name: str, here: Path) -> None:
    message = said(f"{HEAD}  - master: {{reference: {name}}}\n", here)
    assert message.startswith("wrong.yaml:3:25: `reference`: no such file: {folder}/")
    message.encode("utf-8")


def test_a_required_model_that_is_absent_names_its_step_and_the_command_that_fetches_it(here: Path) -> None:
    (here / "r.yaml").write_text(HEAD + "  - check\n  - separate: {model: htdemucs}\n")
    with pytest.raises(ModelUnavailable) as caught:
        check(load("r.yaml"), catalogue=SMALL)
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "r.yaml:4:5: the weights of htdemucs are not here\n  try: polish models fetch htdemucs"
    )


def test_a_wrong_recipe_is_wrong_before_any_model_is_missing(here: Path) -> None:
    text = HEAD + "  - separate: {model: htdemucs}\n  - level\n"
    assert "`level` needs sections" in said(text, here)


def test_a_recipe_error_crosses_processes_whole(here: Path) -> None:
    (here / "r.yaml").write_text(HEAD + "  - chek\n  - mastr\n")
    with pytest.raises(RecipeError) as caught:
        check(load("r.yaml"), catalogue=SMALL)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


_PIECES = st.sampled_from(
    """polish:·1\n|steps:\n|deliver:\n|extends:·a\n|about:·|··-·|check|master|mix|:·|{|}|[|]|,|\n|\n······|ceiling
    |loudness|-1·dBTP|id|optional|!!x·|&a·|*a|<<|'|"|>\n|#|\t|---\n|...\n|%|?·|é夜|\u2028|\x85|~|null|no|gains|stems
    |1:30|none|after|remove:·yes|\\|@|`""".replace("\n    |", "|")
    .replace("·", " ")
    .split("|")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_a_recipe_or_a_located_mistake(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes((HEAD + "  - master: " + text if len(text) % 2 else text).encode("utf-8", "replace"))
    try:
        check(load(path), catalogue=SMALL)
    except RecipeError as error:
        assert error.where.startswith(str(path))
        assert error.excerpt
