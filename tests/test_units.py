"""Quantities: what is read, what is refused and in which words, and the laws that hold."""

from __future__ import annotations

import math
import re
from typing import Annotated

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from polish import units
from polish.units import BARS, BPM, DB, DBTP, HZ, LU, LUFS, PERCENT, SECONDS, Quantity

ALL = (LUFS, LU, DB, DBTP, HZ, SECONDS, PERCENT, BARS, BPM)
quantities = st.sampled_from(ALL)


@pytest.mark.parametrize(
    ("quantity", "written", "value"),
    [
        (LUFS, "-14 LUFS", -14),
        (LUFS, "-14LUFS", -14),
        (LUFS, "-14", -14),
        (LUFS, "−14 lufs", -14),
        (LUFS, "–14 LUFS", -14),
        (LU, "2 LU", 2),
        (LU, "2 dB", 2),
        (DB, "+0.5 dB", 0.5),
        (DB, "+.5dB", 0.5),
        (DB, "3. dB", 3),
        (DBTP, "-1 dB", -1),
        (HZ, "1.2 kHz", 1200),
        (HZ, "440 Hz", 440),
        (SECONDS, "120 ms", 0.12),
        (SECONDS, "2900 ms", 2.9),
        (SECONDS, "1.5 min", 90),
        (SECONDS, "1:30", 90),
        (SECONDS, "0:05.25", 5.25),
        (SECONDS, "90:00", 5400),
        (SECONDS, "1:02:03", 3723),
        (PERCENT, "50%", 50),
        (PERCENT, " 50\u00a0% ", 50),
        (BARS, "1 bar", 1),
        (BARS, "8 bars", 8),
        (BPM, "120.5 BPM", 120.5),
    ],
)
def test_a_value_is_read_as_people_write_it(quantity: Quantity, written: str, value: float) -> None:
    assert quantity.parse(written) == value


@pytest.mark.parametrize(
    ("quantity", "written", "message"),
    [
        (LUFS.between(-40, -5), "-3 LUFS", "-3 LUFS is out of range: -40 to -5 LUFS"),
        (PERCENT, 101, "101 % is out of range: 0 to 100 %"),
        (Quantity("dB", low=0), -1, "-1 dB is out of range: at least 0 dB"),
        (Quantity("dB", high=0), 1, "1 dB is out of range: at most 0 dB"),
        (DBTP, "-1 LUFS", "'-1 LUFS' is in LUFS, but this is given in dBTP (or dB)"),
        (HZ, "1 s", "'1 s' is in s, but this is given in Hz (or kHz)"),
        (DB, "loud", "expected a value in dB, such as 10 dB, got 'loud'"),
        (DB, "", "expected a value in dB, such as 10 dB, got ''"),
        (DB, "1e3 dB", "expected a value in dB, such as 10 dB, got '1e3 dB'"),
        (DB, "1 2", "expected a value in dB, such as 10 dB, got '1 2'"),
        (DB, "--1", "expected a value in dB, such as 10 dB, got '--1'"),
        (DB, True, "expected a value in dB, such as 10 dB, got True"),
        (DB, None, "expected a value in dB, such as 10 dB, got None"),
        (DB, [1], "expected a value in dB, such as 10 dB, got [1]"),
        (DB, math.nan, "nan is not a number to work with"),
        (DB, -math.inf, "-inf is not a number to work with"),
        (LUFS.between(-40, -5), "quiet", "expected a value in LUFS, such as -5 LUFS, got 'quiet'"),
        (SECONDS, "1:75", "expected a value in s (or ms, min), such as 10 s, got '1:75'"),
        (SECONDS, "1:90:00", "expected a value in s (or ms, min), such as 10 s, got '1:90:00'"),
        (HZ, "1:30", "expected a value in Hz (or kHz), such as 10 Hz, got '1:30'"),
    ],
)
def test_what_is_no_such_value_is_refused_in_these_words(
    quantity: Quantity, written: object, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        quantity.parse(written)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["9" * 400, 10**400, "9" * 5000, "1:00:00".replace("1", "9" * 5000)])
def test_a_number_beyond_all_numbers_is_refused(written: str | int) -> None:
    with pytest.raises(ValueError, match="is not a number to work with"):
        SECONDS.parse(written)


@pytest.mark.parametrize("number", [np.float32(-14), np.float64(-14), np.int64(-14), -14])
def test_numbers_of_every_kind_are_read(number: float) -> None:
    assert LUFS.parse(number) == -14


@given(quantities, st.floats(allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_in_the_unit(quantity: Quantity, value: float) -> None:
    assume(quantity.low <= value <= quantity.high)
    assert quantity.parse(value) == value


@given(quantities, st.integers(-999_999, 999_999), st.integers(0, 6))
@example(DB, 0, 0)
def test_what_is_shown_is_read_back(quantity: Quantity, digits: int, places: int) -> None:
    """Six digits are shown, so six digits come back."""
    value = digits / 10**places
    assume(quantity.low <= value <= quantity.high)
    assert quantity.parse(quantity.show(value)) == value


@given(quantities, st.floats(-1e9, 1e9))
def test_what_is_shown_is_near_the_value(quantity: Quantity, value: float) -> None:
    assume(quantity.low <= value <= quantity.high)
    assert quantity.parse(quantity.show(value)) == pytest.approx(value, rel=1e-5, abs=1e-6)


@given(st.floats(-1e12, 1e12))
def test_a_shown_number_has_no_exponent_and_no_negative_zero(value: float) -> None:
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", units.number(value))
    assert units.number(-0.0) == "0"


@given(quantities, st.integers(-500, 500), st.data())
def test_another_unit_is_the_same_value(quantity: Quantity, value: int, data: st.DataObject) -> None:
    assume(quantity.low <= value <= quantity.high)
    unit, factor = data.draw(st.sampled_from([*{quantity.unit: 1.0, **quantity.also}.items()]))
    assert quantity.parse(f"{round(value / factor)} {unit}") == pytest.approx(round(value / factor) * factor)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_clock_times_count_in_sixties(hours: int, minutes: int, seconds: int) -> None:
    assert SECONDS.parse(f"{hours}:{minutes:02d}:{seconds:02d}") == hours * 3600 + minutes * 60 + seconds
    assert SECONDS.parse(f"{minutes}:{seconds:02d}") == minutes * 60 + seconds


@given(st.text(max_size=20) | st.from_regex(r"[+-−–]?[0-9.:]{0,6} ?[a-zA-Z%]{0,4}", fullmatch=True))
def test_any_text_is_a_finite_value_in_range_or_a_value_error(text: str) -> None:
    for quantity in (SECONDS.between(0, 600), DBTP, PERCENT):
        try:
            value = quantity.parse(text)
        except ValueError:
            continue
        assert math.isfinite(value)
        assert quantity.low <= value <= quantity.high


@given(st.text(max_size=12) | st.from_regex(r"[+-−–]?[0-9.:]{1,6} ?(s|ms|Min|dBTP|%|Hz)?", fullmatch=True))
def test_the_schema_accepts_the_texts_that_are_read(text: str) -> None:
    """But for ranges, which a pattern cannot say."""
    for quantity in (SECONDS, DBTP, Quantity("%"), HZ):
        schema = TypeAdapter(Annotated[float, quantity]).json_schema()
        pattern = next(branch["pattern"] for branch in schema["anyOf"] if "pattern" in branch)
        try:
            quantity.parse(text)
            read = True
        except ValueError:
            read = False
        assert bool(re.search(pattern, text)) is read


def test_the_schema_has_the_range() -> None:
    schema = TypeAdapter(Annotated[float, LUFS.between(-40, -5)]).json_schema()
    assert schema["anyOf"][0] == {"type": "number", "minimum": -40, "maximum": -5}


def test_a_quantity_in_a_type_reads_text_and_numbers() -> None:
    adapter = TypeAdapter(Annotated[float, SECONDS.between(0, 60)])
    assert adapter.validate_python("500 ms") == 0.5
    assert adapter.validate_python(3) == 3.0
    with pytest.raises(ValidationError, match="61 s is out of range: 0 to 60 s"):
        adapter.validate_python("1:01")


def test_a_range_keeps_the_unit_and_its_spellings() -> None:
    narrow = HZ.between(20, 20_000)
    assert narrow.parse("20 kHz") == 20_000
    assert narrow.range == "20 to 20000 Hz"
    assert HZ.range == ""


@given(st.floats(1e-9, 1e9))
def test_decibels_and_amplitude_undo_each_other(ratio: float) -> None:
    assert units.amplitude(units.decibels(ratio)) == pytest.approx(ratio, rel=1e-9)


def test_silence_has_no_level() -> None:
    assert units.decibels(0.0) is None
    assert units.decibels(1.0) == 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00.0"),
        (83.25, "1:23.2"),
        (64.1, "1:04.1"),
        (59.99, "0:59.9"),
        (3600, "60:00.0"),
        (-1, "0:00.0"),
    ],
)
def test_a_time_is_shown_as_a_clock(seconds: float, shown: str) -> None:
    assert units.clock(seconds) == shown


@given(st.integers(0, 100_000))
def test_a_clock_shows_every_tenth_as_it_is(tenths: int) -> None:
    minutes, seconds = units.clock(tenths / 10).split(":")
    assert round((int(minutes) * 60 + float(seconds)) * 10) == tenths
    assert float(seconds) < 60
