"""Formats as a recipe writes them."""

from __future__ import annotations

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from polish.audio import Format


class Delivery(BaseModel):
    format: Format = Format("wav", "24-bit")


@pytest.mark.parametrize(
    ("written", "canonical", "suffix", "bits", "lossy"),
    [
        ("wav", "wav 24-bit", ".wav", 24, False),
        ("wav 16", "wav 16-bit", ".wav", 16, False),
        ("WAV 24 bit", "wav 24-bit", ".wav", 24, False),
        ("wav 32-float", "wav 32-float", ".wav", 32, False),
        ("wav float", "wav 32-float", ".wav", 32, False),
        ("flac", "flac 24-bit", ".flac", 24, False),
        ("flac-16", "flac 16-bit", ".flac", 16, False),
        ("mp3", "mp3 320k", ".mp3", None, True),
        ("mp3 128 kbps", "mp3 128k", ".mp3", None, True),
        ("aac 192k", "m4a 192k", ".m4a", None, True),
        ("vorbis", "ogg 192k", ".ogg", None, True),
        ("opus 96", "opus 96k", ".opus", None, True),
    ],
)
def test_spellings_have_one_canonical_form(written, canonical, suffix, bits, lossy) -> None:
    format = Format.parse(written)
    assert (str(format), format.suffix, format.bits, format.lossy) == (canonical, suffix, bits, lossy)
    assert Format.parse(str(format)) == format
    jsonschema.validate({"format": written.lower()}, Delivery.model_json_schema())


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("wave file", "expected a format"),
        ("wma", "did you mean wav"),
        ("xyz", "there are wav, flac"),
        ("wav 20", "16-bit, 24-bit, 32-float"),
        ("flac 32-float", "16-bit, 24-bit"),
        ("wav 320k", "16-bit, 24-bit, 32-float"),
        ("mp3 24-bit", "bit rate, such as mp3 320k"),
        ("mp3 100k", "no bit rate 100k"),
        ("mp3 9000k", "out of range: 32k to 320k"),
        ("opus 1k", "out of range"),
        ("", "expected a format"),
        (24, "expected a format"),
    ],
)
def test_wrong_formats_are_explained(written, words) -> None:
    with pytest.raises(ValueError, match=words):
        Format.parse(written)
    with pytest.raises(ValidationError, match=words):
        Delivery(format=written)


def test_a_setting_holds_a_format_and_writes_it_as_text() -> None:
    assert Delivery().format == Format.parse("wav")
    assert Delivery(format="mp3").model_dump(mode="json") == {"format": "mp3 320k"}


@pytest.mark.parametrize(
    ("format", "rate_hz", "written_hz"),
    [("mp3", 44_100, 44_100), ("mp3", 96_000, 48_000), ("m4a", 96_000, 96_000), ("m4a", 192_000, 96_000),
     ("opus", 44_100, 48_000), ("ogg", 88_200, 48_000), ("wav", 192_000, 192_000), ("mp3", 9_000, 11_025)],
)  # fmt: skip
def test_the_rate_written_is_the_nearest_that_loses_nothing(format, rate_hz, written_hz) -> None:
    assert Format.parse(format).rate_for(rate_hz) == written_hz
