"""`mix`: relations, ducking, sends, widths and styles; every decision is a number in the facts."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish import presets
from polish.audio import Sound
from polish.dsp import balance, bands, excess, filters, stereo
from polish.errors import StageFailed
from polish.song import Beats, Song
from polish.stages import bus
from polish.stages.mix import Mix


def level(sound: Sound) -> float:
    return balance.level_lu(bands.measure(sound.samples, sound.rate_hz))


def test_stems_are_brought_to_the_relations_that_are_wanted():
    stems = {
        name: sounds.noise(3.0, 0.05 * (k + 1), seed=k) for k, name in enumerate(("vocals", "drums", "other"))
    }
    done = Mix(amount=0, balance={"vocals": -4, "drums": -6}).run(Song(stems=stems))
    gains = done.measurements["mix"]["gains_db"]
    moved = {
        name: stem.with_samples(stem.samples * np.float32(10 ** (gains[name] / 20)))
        for name, stem in stems.items()
    }
    assert gains["other"] == 0
    assert sounds.snr_db(sounds.total(moved).samples, done.mix.samples) > 60
    assert level(moved["vocals"]) - level(done.mix) == pytest.approx(-4, abs=0.3)
    assert level(moved["drums"]) - level(done.mix) == pytest.approx(-6, abs=0.3)


def low_end(bass_level: float, seconds: float = 4.0) -> dict[str, Sound]:
    t = sounds.times(seconds)
    kick = np.sin(2 * np.pi * 60 * (t % 0.5)) * np.exp(-(t % 0.5) * 14) * 0.3
    bass = np.sin(2 * np.pi * 70 * t) * bass_level
    return {
        name: Sound(np.stack([wave, wave]).astype(np.float32), sounds.RATE_HZ)
        for name, wave in (("drums", kick), ("bass", bass))
    }


def test_a_bass_gives_way_to_the_kick_it_covers_and_only_then():
    covered = Mix(amount=100, glue=0, duck=4).run(Song(stems=low_end(0.4))).measurements["mix"]["kick"]
    assert covered[0]["bass"] == "bass"
    assert covered[0]["kick"] == "drums"
    assert -4 <= covered[0]["change_db"] < -1
    free = Mix(amount=100, glue=0, duck=4).run(Song(stems=low_end(0.03))).measurements["mix"]["kick"]
    assert free[0]["change_db"] == 0
    none = Mix(amount=100, glue=0, duck=0).run(Song(stems=low_end(0.4))).measurements["mix"]["kick"]
    assert none == []


def test_echoes_come_in_the_tempo_of_the_song():
    click = np.zeros((2, 3 * sounds.RATE_HZ), np.float32)
    click[:, 1000] = 0.5
    song = Song(stems={"vocals": Sound(click, sounds.RATE_HZ)}, beats=Beats(tempo_bpm=100.0))
    done = Mix(amount=0, delay={"vocals": -6}).run(song)
    assert done.measurements["mix"]["delay_s"] == pytest.approx(0.45)
    echoed = np.flatnonzero(np.abs(done.mix.samples[0]) > 0.1)
    assert abs(echoed[-1] - echoed[0] - 0.45 * sounds.RATE_HZ) < 20
    asked = Mix(amount=0, delay={"vocals": -6}, delay_time="200 ms").run(song)
    assert asked.measurements["mix"]["delay_s"] == 0.2


def test_width_above_4_khz_is_its_own():
    noise = sounds.noise(3.0)
    done = Mix(amount=0, width_high=0).run(Song(stems={"other": noise})).mix
    high, low = (
        stereo.side_to_mid_db(done.samples, noise.rate_hz, *span) for span in ((9000, 20_000), (100, 1000))
    )
    assert high < -18
    assert low == pytest.approx(0, abs=0.5)


def test_mud_that_mixing_brings_is_taken_back():
    plain = sounds.noise(4.0, pink=True)
    muddy = plain.with_samples(filters.apply(plain.samples, filters.peak(plain.rate_hz, 316, 4, 1)))

    def mud_db(sound: Sound) -> float:
        return excess.whole("mud", [bands.measure(sound.samples, sound.rate_hz)]).density_db

    back, noted = bus.toned(muddy, [plain])
    assert [entry["fault"] for entry in noted] == ["mud"]
    assert mud_db(back) < mud_db(muddy) - 0.6
    assert bus.toned(plain, [plain]) == (plain, [])
    assert bus.toned(muddy, [muddy, plain])[1], "what the song had before its stems were worked on counts too"


@pytest.mark.parametrize("style", presets.styles())
def test_a_style_fills_what_is_not_given(style):
    stems = sounds.band(1.0)
    done = Mix(style=style).run(Song(stems=stems)).measurements["mix"]
    for setting, value in presets.styles()[style]["mix"].items():
        filled = done["style_fills"][setting]
        assert filled == (
            {name: value[name] for name in stems if name in value} if isinstance(value, dict) else value
        )
    own = Mix(style=style, glue=1, duck=1, reverb={}, delay={}, mono_below=50).run(Song(stems=stems))
    assert own.measurements["mix"]["style_fills"] == {}


@pytest.mark.parametrize(
    ("style", "setting"),
    [(style, setting) for style, known in presets.styles().items() for setting in known["mix"]],
)
def test_every_value_of_a_style_is_used(style, setting):
    """A value that changes nothing is no preset: each is heard on stems that ask for it."""
    known = presets.styles()[style]
    assert known["why"]
    default = Mix.model_fields[setting].get_default(call_default_factory=True)
    assert known["mix"][setting] != default
    if isinstance(known["mix"][setting], dict):
        assert set(known["mix"][setting]) <= set(presets.kinds())
    stems = {**low_end(0.3), "vocals": sounds.noise(4.0, 0.02), "other": sounds.noise(4.0, 0.02, seed=2)}
    wide = stems["bass"].samples * np.array([[1.0], [-0.4]], np.float32)
    peaks = (1 + 30 * (sounds.times(4.0) % 0.5 < 0.01)).astype(np.float32)
    stems |= {"bass": stems["bass"].with_samples(wide),
              "vocals": stems["vocals"].with_samples(stems["vocals"].samples * peaks)}  # fmt: skip
    with_it = Mix(style=style, amount=100).run(Song(stems=stems)).mix
    without = Mix(style=style, amount=100, **{setting: default}).run(Song(stems=stems)).mix
    assert not np.array_equal(with_it.samples, without.samples)


def test_every_kind_of_stem_is_known_by_its_names():
    for kind, known in presets.kinds().items():
        assert known["why"]
        assert 10 < known["lowest_hz"] < 80
        assert all(presets.kind_of(f"My {name} 2") == kind for name in known["names"])


def test_a_style_that_speaks_of_stems_that_are_not_there_leaves_them_out():
    stems = {"strings": sounds.noise(0.5)}
    done = Mix(style="hiphop").run(Song(stems=stems)).measurements["mix"]
    assert done["delay_db"] == {}
    with pytest.raises(StageFailed, match="vocals"):
        Mix(style="hiphop", delay={"vocals": -20}).run(Song(stems=stems))


def test_twelve_stems_are_as_good_as_four():
    names = ("lead_vocals", "backing_vocals", "drums", "percussion", "bass", "guitar", "keys", "strings",
             "brass", "synth", "fx", "kazoo")  # fmt: skip
    stems = {name: sounds.noise(1.0, 0.02, seed=k, pink=True) for k, name in enumerate(names)}
    plain = Mix(amount=0).run(Song(stems=stems)).mix
    assert sounds.snr_db(sounds.total(stems).samples, plain.samples) > 120
    done = Mix(lead="lead_vocals", gains={"kazoo": -3}).run(Song(stems=stems))
    assert set(done.measurements["mix"]["gains_db"]) == set(names)
