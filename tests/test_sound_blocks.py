"""Sound read block by block is the sound that is read whole, and is refused for the same faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import sounds

from polish import audio
from polish.audio import Sound
from polish.dsp.speakers import channel_weights
from polish.errors import BadInput


def collected(path: Path) -> Sound:
    with audio.blocks(path) as blocks:
        parts = list(blocks)
        return Sound(np.hstack(parts), blocks.rate_hz)


@pytest.mark.parametrize(
    "format", ["wav 24-bit", "flac 16-bit", "mp3 320k", "m4a 256k", "ogg 192k", "opus 160k"]
)
def test_blocks_together_are_what_is_read_whole(tmp_path: Path, format: str) -> None:
    path = audio.write(tmp_path / "song", sounds.noise(8), format)
    whole = audio.read(path)
    assert collected(path).rate_hz == whole.rate_hz
    assert np.array_equal(collected(path).samples, whole.samples)


def test_a_file_cut_short_is_refused_at_its_end(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "song.wav", sounds.noise(8), "wav 24-bit")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match="cut short"), audio.blocks(path) as blocks:
        list(blocks)


def test_no_block_has_a_number_that_is_none(tmp_path: Path) -> None:
    samples = sounds.noise(8).samples.copy()
    samples[1, 290_000] = np.nan
    soundfile.write(tmp_path / "x.wav", samples.T, 44_100, subtype="FLOAT")
    seen = []
    with pytest.raises(BadInput, match="not a number"), audio.blocks(tmp_path / "x.wav") as blocks:
        seen.extend(np.isfinite(block).all() for block in blocks)
    assert seen
    assert all(seen)


def masked(path: Path, mask: int, channels: int) -> Path:
    """A WAV of noise whose header names other loudspeakers than is usual."""
    audio.write(path, sounds.noise(0.1, channels=channels), "wav 24-bit")
    content = bytearray(path.read_bytes())
    content[40:44] = mask.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def test_the_loudspeakers_a_wav_names_are_told(tmp_path: Path) -> None:
    with audio.blocks(masked(tmp_path / "x.wav", 0x107, 4)) as blocks:
        assert blocks.speakers == 0x107
    with audio.blocks(masked(tmp_path / "x.wav", 0x3, 4)) as blocks:
        assert blocks.speakers is None, "a mask for other channels than there are says nothing"
    with audio.blocks(audio.write(tmp_path / "y.wav", sounds.noise(0.1), "wav 16-bit")) as blocks:
        assert blocks.speakers is None


def test_the_loudspeakers_that_ffmpeg_decodes_for_are_told(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.opus", sounds.noise(1, channels=6, rate_hz=48_000), "opus 160k")
    with audio.blocks(path) as blocks:
        assert (blocks.channels, blocks.speakers) == (6, 0x3F)


@pytest.mark.parametrize("channels", [3, 4, 6, 7, 8, 10, 12])
def test_what_is_written_names_the_loudspeakers_that_are_usual(tmp_path: Path, channels: int) -> None:
    path = audio.write(tmp_path / "x.wav", sounds.noise(0.5, channels=channels), "wav 24-bit")
    sound = audio.read(path)
    with audio.blocks(path) as blocks:
        named = channel_weights(channels, blocks.speakers)
    assert blocks.speakers is not None
    assert np.array_equal(named, channel_weights(channels))
    assert sound.channels == channels
