"""The stems as files that add up to what they came from: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from .. import audio
from ..audio import Format, Samples, Sound
from ..dsp.residual import CLOSE_ENOUGH_DBFS, left_over, residual_peak
from ..errors import OutputError
from ..files import writing_errors
from ..song import Song
from ..units import amplitude, decibels
from .base import Delivered, Delivery, file_name

_FLOAT = Format("wav", "32-float")
_AT_ONCE = 2
_BLOCK_FRAMES = 1 << 18


class Stems(Delivery):
    """Every stem as a sound file in `stems/`, of one length, whose sum is checked after reading back."""

    name: ClassVar[str] = "stems"
    reads: ClassVar[tuple[str, ...]] = ("stems",)
    uses: ClassVar[tuple[str, ...]] = ("mix", "draft")

    format: Format = Field(
        default=Format("wav", "24-bit"),
        description="The kind of file, as for a master; all are wav 32-float when one is above full scale.",
    )
    removed: bool = Field(
        default=False,
        description="Also `removed`, what the draft has and the stems have not: with it they add up to "
        "the draft, without it to the song as it was mended.",
    )

    def write(self, song: Song, folder: Path) -> Delivered:
        """Write ``stems/NAME.wav`` for each stem; see `write_into`."""
        return self.write_into(song, folder / "stems", relative_to=folder)

    def write_into(self, song: Song, folder: Path, *, relative_to: Path | None = None) -> Delivered:
        """Write ``NAME.wav`` into `folder` for each stem and add up what was written.

        They get their names together, when the last one is whole: a folder never holds some of
        a song's stems.

        Facts: ``sum_error_dbfs`` is the peak of the written stems' sum less the sum they came
        with, `None` when there is no difference; ``sum_to_mix_error_dbfs`` that of their sum
        less the mix as it now is (large after a mixing step, as it should be), and
        ``sum_to_draft_error_dbfs`` that of the sum of all files less the draft.

        Raises:
            OutputError: a file cannot be written.
        """
        whole: Mapping[str, Sound] = song.stems
        notices: list[str] = []
        if self.removed:
            song, notices = _with_removed(song)
        peaks = {name: audio.peak(stem) for name, stem in song.stems.items()}
        format, more = self._format(peaks)
        notices += more
        first = next(iter(song.stems.values()))
        rate_hz = format.rate_for(first.rate_hz)
        if rate_hz != first.rate_hz:
            notices.append(f"{format.kind} does not hold {first.rate_hz} Hz: the stems are at {rate_hz} Hz")
        paths = {name: folder / f"{file_name(name)}{format.suffix}" for name in song.stems}
        with _together(paths) as parts:
            difference = _write(song, parts, format, rate_hz)
        to_mix = _error(song.mix, whole, difference)
        same = song.draft is song.mix and song.stems is whole
        facts: dict[str, Any] = {
            "format": str(format),
            "stems": {
                name: {
                    "file": path.relative_to(relative_to or folder).as_posix(),
                    "peak_dbfs": decibels(peaks[name]),
                }
                for name, path in paths.items()
            },
            "sum_error_dbfs": None if difference is None else decibels(audio.peak(difference)),
            "sum_to_mix_error_dbfs": to_mix,
            "sum_to_draft_error_dbfs": to_mix if same else _error(song.draft, song.stems, difference),
        }
        return Delivered(tuple(paths.values()), facts, tuple(notices))

    def _format(self, peaks: Mapping[str, float]) -> tuple[Format, list[str]]:
        """The format asked for, or 32-bit float when a stem would not fit, with a word about it."""
        over = [name for name, peak in peaks.items() if peak > 1]
        if not over or self.format.floating:
            return self.format, []
        verb = "is" if len(over) == 1 else "are"
        return _FLOAT, [
            f"{', '.join(over)} {verb} above full scale, which {self.format} cannot hold: "
            f"the stems are {_FLOAT}"
        ]


@contextmanager
def _together(paths: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Hidden paths beside those given, which become them when the block ends well; else nothing is left."""
    parts = {name: path.with_name(f".part-{path.name}") for name, path in paths.items()}
    folders = {path.parent for path in paths.values()}
    new = [each for folder in folders for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield parts
        for name, part in parts.items():
            with writing_errors(paths[name]):
                part.replace(paths[name])
    except BaseException as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        for folder in sorted(new, reverse=True):
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, OutputError):
            hidden = {str(part): paths[name] for name, part in parts.items()}
            raise OutputError(
                error.what, where=hidden.get(str(error.where), error.where), hint=error.hint
            ) from error
        raise


def _write(song: Song, paths: Mapping[str, Path], format: Format, rate_hz: int) -> Sound | None:
    """Write the stems, read them back, and add up how they differ from what they were.

    Two at a time, added in their order, so that the sum is the same every time. `None` when
    the format has another rate, at which there is nothing to compare.
    """

    names = list(paths)

    def written(name: str) -> Sound:
        stem = song.stems[name]
        tags = {**song.tags, "title": f"{song.title} ({name})"} if song.tags else {}
        # At 24 bits none: the dithers of seven stems could add up to −117 dBFS. At 16 each stem has
        # one of its own: one and the same would add up to a louder one.
        audio.write(
            paths[name], audio.resample(stem, rate_hz), format, tags=tags, seed=names.index(name),
            dither="none" if format.bits == 24 else "tpdf",
        )  # fmt: skip
        audio.rest(stem.samples)
        return audio.read(paths[name])

    first = next(iter(song.stems.values()))
    difference = audio.scratch(first.samples.shape)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(names), _AT_ONCE):
            pair = names[start : start + _AT_ONCE]
            for name, back in zip(pair, pool.map(written, pair), strict=True):
                if rate_hz == first.rate_hz:
                    _add_difference(difference, back, song.stems[name])
    return Sound(difference, rate_hz) if rate_hz == first.rate_hz else None


def _add_difference(difference: Samples, back: Sound, stem: Sound) -> None:
    for start in range(0, min(back.frames, stem.frames), _BLOCK_FRAMES):
        part = slice(start, min(start + _BLOCK_FRAMES, back.frames, stem.frames))
        difference[:, part] += back.samples[:, part] - stem.samples[:, part]
        audio.rest(difference, back.samples, stem.samples)


def _error(mix: Sound | None, stems: Mapping[str, Sound], difference: Sound | None) -> float | None:
    """The peak in dBFS of the written stems' sum less a mix; `None` for no difference or no such mix."""
    if mix is None or difference is None or mix.samples.shape != difference.samples.shape:
        return None
    parts = {name: stem.samples for name, stem in stems.items()}
    return decibels(residual_peak(mix.samples, {**parts, "": difference.samples}))


def _with_removed(song: Song) -> tuple[Song, list[str]]:
    """The song with one more stem, what its draft has and its stems have not, unless that is nothing."""
    draft, first = song.draft, next(iter(song.stems.values()))
    if draft is None or (draft.rate_hz, draft.samples.shape) != (first.rate_hz, first.samples.shape):
        return song, ["the stems are not as long as the draft, so what was removed cannot be told"]
    parts = {name: stem.samples for name, stem in song.stems.items()}
    if residual_peak(draft.samples, parts) <= amplitude(CLOSE_ENOUGH_DBFS):
        return song, []
    names = chain(["removed"], map("removed_{}".format, count(2)))
    name = next(name for name in names if name not in parts)
    rest = Sound(left_over(draft.samples, parts), draft.rate_hz)
    return song.having(stems={**song.stems, name: rest}), [
        f"{name} holds what was taken out of the draft: leave it out to hear the stems as they were mended; "
        "with it they add up to the draft"
    ]
