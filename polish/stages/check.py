"""What is wrong with the song as it is: findings, each with the step that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from ..dsp import faults, survey
from ..song import Finding, Song
from .base import Context, Stage
from .beats import with_beats


@dataclass(frozen=True)
class Kind:
    """How a fault is put into words.

    Attributes:
        unit: of its value.
        sentences: the first of them whose numbers are all known is used.
        mend: the recipe step that mends it, or None when none of ours does.
    """

    unit: str
    sentences: tuple[str, ...]
    mend: str | None


KINDS: Mapping[str, Kind] = {
    "silent": Kind("dBFS", ("nothing is to be heard: no sample reaches −90 dBFS",), None),
    "over_full_scale": Kind(
        "dBFS", ("peaks go beyond full scale, up to {value:+.1f} dBFS; players cut them off",), "master"
    ),
    "true_peak_over": Kind(
        "dBTP",
        ("true peaks reach {value:+.1f} dBTP; services ask for −1, because encoders add to them",),
        "master",
    ),
    "clipping": Kind("per s", ("{count:.0f} peaks are cut off flat, {value:.1f} a second",), None),
    "loudness_far": Kind("LUFS", ("loudness is {value:.1f} LUFS; services play at −14",), "master"),
    "dc_offset": Kind("% of full scale", ("the waveform lies {value:+.2f} % off its middle",), "clean"),
    "silence_at_start": Kind(
        "s", ("{value:.1f} s of silence before the first sound",), "arrange: {trim: yes}"
    ),
    "silence_at_end": Kind("s", ("{value:.1f} s of silence after the last sound",), "arrange: {trim: yes}"),
    "gap": Kind("ms", ("the sound drops out for {value:.0f} ms",), None),
    "click": Kind(
        "dB",
        ("a click, as at a join: the waveform jumps {value:.0f} dB beyond what is around",),
        "clean",
    ),
    "abrupt_ending": Kind(
        "dB", ("the song breaks off: its last moment lies {value:+.0f} dB against the 3 s before",), "arrange"
    ),
    "collapsing_ending": Kind(
        "dB",
        (
            "the ending collapses: from here on the song is {whole_db:.0f} dB against its body",
            "the ending loses its treble: {treble_db:.0f} dB above 4 kHz against the body of the song",
            "the ending runs empty: what begins is {density_db:.0f} dB against the body of the song",
        ),
        "arrange: {fade_out: 8 s}",
    ),
    "flat_dynamics": Kind(
        "LU",
        (
            "{parts:.0f} parts lie within {value:.1f} LU: no part is louder than another",
            "loudness stays within {value:.1f} LU: the song has no arc",
        ),
        "level",
    ),
    "energy_plateau": Kind(
        "LU",
        (
            "for {length_s:.0f} s, {share_pct:.0f} % of the song, the energy stays within {value:.1f} LU,"
            " but for moments",
        ),
        "level",
    ),
    "loop": Kind(
        "%",
        (
            "{length_s:.1f} s ({bars:.0f} bars) come {times:.0f} times in a row, {value:.0f} % alike",
            "{length_s:.1f} s come {times:.0f} times in a row, {value:.0f} % alike",
        ),
        None,
    ),
    "missing_variation": Kind(
        "%",
        ("nothing new: {value:.0f} % of the bars ({bars:.0f} of {of:.0f}) are copies of earlier ones",),
        None,
    ),
    "tempo_drift": Kind(
        "%", ("the tempo wanders by {value:.1f} %, between {low_bpm:.1f} and {high_bpm:.1f} BPM",), None
    ),
    "bandwidth_wall": Kind(
        "Hz", ("there is nothing above {value:.0f} Hz: the sound is cut off there",), None
    ),
    "mud": Kind("dB", ("200 to 500 Hz stand out by {value:.1f} dB, {share_pct:.0f} % of the time",), "clean"),
    "harshness": Kind(
        "dB", ("2 to 5 kHz stand out by {value:.1f} dB, {share_pct:.0f} % of the time",), "clean"
    ),
    "resonance": Kind("dB", ("{hz:.0f} Hz rings by {value:.0f} dB whatever is played",), "clean"),
    "shimmer": Kind(
        "%",
        ("{value:.0f} % of the sound at 8 to 14 kHz is lone tones, as a neural codec leaves them",),
        "clean",
    ),
    "sibilance": Kind(
        "dB", ("{count:.0f} esses are too loud: they lie {value:+.1f} dB against the voice's range",), "clean"
    ),
    "hum": Kind(
        "dB", ("mains hum at {hz:.0f} Hz and its multiples, {value:.0f} dB against the song",), "clean"
    ),
    "sub_rumble": Kind("dB", ("rumble below 25 Hz, {value:.0f} dB against the song",), "clean"),
    "narrow_stereo": Kind(
        "dB", ("left and right are nearly the same: the side lies {value:.0f} dB under the middle",), "mix"
    ),
    "out_of_phase": Kind("", ("left and right work against each other: correlation {value:.2f}",), None),
    "mono_loss": Kind(
        "dB",
        (
            "in mono {value:.0f} dB of what lies at {low_hz:.0f} to {high_hz:.0f} Hz are lost",
            "in mono {value:.0f} dB of the song are lost",
        ),
        "mix",
    ),
    "one_sided": Kind("dB", ("right lies {value:+.1f} dB against left",), "mix"),
}
"""Every kind of finding. The values' signs and places are those of `polish.dsp.faults`."""


class Check(Stage):
    """List what is wrong with the song: where, how much, and the step that mends it.

    The sound as it is now is judged; nothing is changed. Beats are found first where nobody did;
    with sections known, the parts are compared with each other.
    """

    name = "check"
    reads = ("mix",)
    uses = ("beats", "sections")
    writes = ("findings",)
    may_write = ("beats",)
    version = 9

    def run(self, song: Song, context: Context = Context()) -> Song:
        assert song.mix is not None
        look = survey.survey(song.mix)
        song = with_beats(song)
        context.progress(0.3)
        known = faults.Known(
            look,
            beats_s=song.beats.beats_s if song.beats else (),
            downbeats_s=song.beats.downbeats_s if song.beats else (),
            beats_sure=song.beats.confidence if song.beats else 0.0,
            sections=tuple((part.start_s, part.end_s, part.label) for part in song.sections),
        )
        findings = tuple(finding(fault) for fault in faults.find(known))
        context.progress(1.0)
        counts = {name: sum(f.severity == name for f in findings) for name in ("error", "warning", "info")}
        return song.having(findings=findings).noting(
            self.step(context), **{f"{name}s" if name != "info" else name: n for name, n in counts.items()}
        )


def finding(fault: faults.Fault) -> Finding:
    """A fault in words."""
    kind = KINDS[fault.kind]
    numbers = dict(fault.detail) | ({} if fault.value is None else {"value": fault.value})
    sentence = next(one for one in kind.sentences if _fields(one) <= numbers.keys())
    return Finding(
        kind=fault.kind,
        start_s=round(fault.start_s, 2),
        end_s=round(fault.end_s, 2),
        severity=fault.severity,
        value=None if fault.value is None else round(fault.value, 3),
        unit=kind.unit,
        message=sentence.format(**numbers).replace("-", "−"),
        mend=kind.mend,
    )


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}
