"""A master keeps how far its sections stand apart: by rides before limiting, or by less of it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import sounds

from polish.audio import Sound
from polish.dsp import ride
from polish.song import Beats, Section, Song
from polish.stages.arc import KEPT_LU, changed_lu, section_levels_lufs
from polish.stages.base import Context
from polish.stages.master import RANGE_LOSS_LU, Master

FORM = ("intro", "verse", "chorus", "verse", "chorus", "outro")
PART_S = 4.0
LEVELS_DB = (-6.0, -4.0, 0.0, -4.0, 2.0, -6.0)
BEATING = (0.0, 0.0, 3.0, 0.0, 8.0, 0.0)
"""How far short beats stand over each section, in dB: what a limiter takes most of."""


def song(levels_db: tuple[float, ...] = LEVELS_DB, beating_db: tuple[float, ...] = BEATING) -> Song:
    noise = sounds.noise(PART_S * len(FORM), 0.05, channels=1, pink=True)
    t = sounds.times(noise.duration_s)
    part = np.minimum((t / PART_S).astype(int), len(FORM) - 1)
    gain_db = np.array(levels_db)[part] + np.where(t % 0.5 < 0.01, np.array(beating_db)[part], 0.0)
    sections = tuple(
        Section(start_s=PART_S * n, end_s=PART_S * (n + 1), group=label[0].upper(), label=label)
        for n, label in enumerate(FORM)
    )
    grid = tuple(np.arange(0, noise.duration_s, 0.5).tolist())
    beats = Beats(tempo_bpm=120, beats_s=grid, downbeats_s=grid[::4], beats_per_bar=4)
    mix = noise.with_samples((noise.samples * 10 ** (gain_db / 20)).astype(np.float32))
    return Song(mix=mix, sections=sections, beats=beats)


def mastered(given: Song, **asked) -> tuple[Sound, dict, list[str]]:
    said: list[str] = []
    asked = {"tone": 0, "glue": 0, **asked}
    master = Master(**asked).run(given, Context(notice=said.append)).masters["master"]
    json.dumps(master.facts, allow_nan=False)
    return master.sound, master.facts, said


def lost_lu(given: Song, sound: Sound) -> float:
    was, now = (section_levels_lufs(one.samples, one.rate_hz, given.sections) for one in (given.mix, sound))
    return changed_lu(was[1:-1], now[1:-1])[0]


def test_what_limiting_takes_of_the_last_chorus_is_handed_back_and_the_loudness_is_reached():
    given = song()
    without, _, _ = mastered(given, arc=0, loudness=-17)
    kept, facts, said = mastered(given, loudness=-17)
    assert lost_lu(given, without) > 2 * KEPT_LU
    assert lost_lu(given, kept) <= KEPT_LU
    assert facts["after"]["integrated_lufs"] == pytest.approx(-17, abs=0.1)
    assert facts["before"]["loudness_range_lu"] - facts["after"]["loudness_range_lu"] <= RANGE_LOSS_LU
    assert facts["arc"]["lost_lu"] == pytest.approx(lost_lu(given, kept), abs=0.01)
    assert [sentence for sentence in said if sentence.startswith("arc: limiting takes more")]


def test_rides_stay_within_what_is_allowed_and_move_over_the_bar_before_a_section():
    _, facts, _ = mastered(song(), arc=1)
    points = [(point["at_s"], point["gain_db"]) for point in facts["arc"]["ride"]]
    assert 0 < max(abs(gain) for _, gain in points) <= 1
    for number in range(len(FORM)):
        first_bar = PART_S * number + np.linspace(0, 1.99, 50)
        assert np.ptp(ride.gain_db_at(first_bar, points)) < 1e-9


@pytest.mark.parametrize(
    ("levels_db", "beating_db", "loudness"),
    [
        (LEVELS_DB, (0, 0, 24, 0, 0, 0), -14),
        ((0, -3, 3, 4, -7, 0), (3, 19, 7, 24, 0, 12), -9),
        ((-3, 5, -6, 2, 1, 0), (20, 2, 24, 9, 15, 23), -14),
    ],
)
def test_protect_never_brings_sections_nearer_together(levels_db, beating_db, loudness):
    """Beats of up to 24 dB over the rest: where rides of 3 dB are too little, the master stays quieter."""
    given = song(levels_db, beating_db)
    kept, facts, _ = mastered(given, loudness=loudness)
    assert lost_lu(given, kept) <= KEPT_LU
    assert facts["before"]["loudness_range_lu"] - facts["after"]["loudness_range_lu"] <= RANGE_LOSS_LU
    assert max((abs(point["gain_db"]) for point in facts["arc"]["ride"]), default=0) <= 3
    assert facts["after"]["true_peak_dbtp"] <= -1
    assert facts["reached"] == (facts["reason"] is None)


def test_what_the_arc_would_cost_is_said_and_reach_goes_on():
    given = song(LEVELS_DB, (0, 0, 24, 0, 0, 0))
    _, facts, said = mastered(given, arc=1)
    told = re.fullmatch(
        r"−14 LUFS not reachable without bringing sections (\d\.\d+) LU nearer together; "
        r"reached −([\d.]+) LUFS",
        facts["reason"],
    )
    assert float(told[1]) > KEPT_LU
    assert float(told[2]) == pytest.approx(-facts["after"]["integrated_lufs"], abs=0.06)
    assert said[-1] == f"{facts['reason']} (`dynamics: protect`; `reach` goes on)"
    reached, facts, said = mastered(given, arc=1, dynamics="reach")
    assert facts["after"]["integrated_lufs"] == pytest.approx(-14, abs=0.1)
    assert f"{lost_lu(given, reached):.1f} LU are lost all the same" in said[-1]


def test_where_nothing_is_limited_or_no_sections_are_known_nothing_is_ridden():
    given = song()
    for one, loudness in (
        (given, -30),
        (given.having(sections=()), -14),
        (given.having(sections=given.sections[:1]), -14),
    ):
        sound, facts, _ = mastered(one, loudness=loudness)
        assert facts["arc"] is None
        assert np.array_equal(sound.samples, mastered(one, loudness=loudness, arc=0)[0].samples)


def test_silent_and_tiny_sections_have_no_loudness_and_are_left_alone():
    given = song((-6, -300, 0, -4, 2, -6))
    tiny = (*given.sections[:-1], given.sections[-1].model_copy(update={"start_s": 20.0, "end_s": 20.2}))
    for sections in (tiny, tuple(one.model_copy(update={"end_s": one.start_s + 0.1}) for one in tiny)):
        _, facts, _ = mastered(given.having(sections=sections), loudness=-17)
        assert facts["after"]["integrated_lufs"] == pytest.approx(-17, abs=0.1)
