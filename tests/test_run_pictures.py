"""The page has a picture of the words over the voice: beside it, fetched when looked at, drawn once."""

from __future__ import annotations

from pathlib import Path

import sounds
import spoken

import polish
from polish.audio import write

LINES = ("the moon is over the river", "every street is made of glass")
RECIPE = """
polish: 1
about: words, and a page
steps:
  - lyrics: {text: words.txt, engine: builtin, language: en}
deliver:
  - report
"""


def test_the_words_are_drawn_beside_the_page_and_kept(tmp_path: Path) -> None:
    voice, _ = spoken.recited(LINES)
    noise = sounds.noise(voice.duration_s, rate_hz=voice.rate_hz, channels=1)
    stems = tmp_path / "A song"
    write(stems / "vocals.wav", voice)
    write(stems / "other.wav", voice.with_samples(noise.samples[:, : voice.frames]))
    (tmp_path / "words.txt").write_text("\n".join(LINES), encoding="utf-8")
    recipe = tmp_path / "words.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")

    def run() -> tuple[str, str]:
        result = polish.run(recipe, stems, out=tmp_path / "out", offline=True)
        assert result.folder / "listen/words.svg" in result.files
        drawn.append((result.folder / "listen/words.svg").stat().st_mtime_ns)
        return (result.folder / "listen/words.svg").read_text(), (result.folder / "report.html").read_text()

    drawn: list[int] = []
    picture, page = run()
    assert all(word in picture for line in LINES for word in line.split())
    assert 'loading="lazy" src="listen/words.svg"' in page
    assert len(picture) < 20_000 * voice.duration_s
    run()
    assert drawn[0] == drawn[1], "nothing has changed: it is not drawn again"


def test_without_words_there_is_no_picture(tmp_path: Path) -> None:
    draft = write(tmp_path / "band.wav", sounds.noise(3.0))
    result = polish.run("loudness", draft, out=tmp_path / "out", offline=True)
    assert not list(result.folder.rglob("*.svg"))
    assert "<img" not in (result.folder / "report.html").read_text()
