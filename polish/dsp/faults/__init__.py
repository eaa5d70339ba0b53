"""What may be wrong with a song: one rule a fault, each with its threshold and the reason for it.

A rule is a function from what is `Known` to `Fault` values; `RULES` is all of them. A silent
song has one fault, and no other rule is asked.
"""

from __future__ import annotations

from . import arc, course, esses, grid, joins, level, loops, stereo, tone
from .base import Fault, Known, Rule, Severity

__all__ = ["RULES", "Fault", "Known", "Rule", "Severity", "find"]

RULES: tuple[Rule, ...] = (
    level.over_full_scale, level.true_peak_over, level.clipping, level.loudness_far, level.dc_offset,
    level.silence_at_the_ends,
    course.gaps, joins.clicks, course.abrupt_ending, course.collapsing_ending,
    arc.flat_dynamics, arc.energy_plateau, loops.loops, grid.missing_variation, grid.tempo_drift,
    tone.bandwidth_wall, tone.mud, tone.harshness, tone.resonances, tone.shimmer, esses.sibilance,
    tone.hum, tone.sub_rumble,
    stereo.narrow, stereo.out_of_phase, stereo.mono_loss, stereo.one_sided,
)  # fmt: skip


def find(known: Known) -> list[Fault]:
    """All faults, in the order of the rules."""
    if silent := level.silent(known):
        return silent
    return [fault for rule in RULES for fault in rule(known)]
