"""`mix`: the stems' own sum unless something is asked for or measures wrong."""

from __future__ import annotations

import numpy as np
import pytest
import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polish import audio
from polish.audio import Sound
from polish.dsp import stereo
from polish.dsp.spectrum import third_octave_levels_db
from polish.errors import StageFailed
from polish.song import Song
from polish.stages import bus
from polish.stages.mix import Mix


@pytest.fixture(scope="module")
def song() -> Song:
    stems = sounds.band(6.0)
    return Song(stems=stems, mix=sounds.total(stems))


def plain(**asked) -> Mix:
    return Mix(amount=0, **asked)


def test_amount_0_is_the_sum_of_the_stems_bit_for_bit(song):
    done = plain().run(song)
    assert np.array_equal(done.mix.samples, audio.add(list(song.stems.values())).samples)


def test_the_default_leaves_a_good_mix_nearly_alone(song):
    done = Mix().run(song)
    assert sounds.snr_db(song.mix.samples, done.mix.samples) > 20


@given(st.floats(-24, 24))
@settings(max_examples=10, deadline=None)
def test_a_gain_is_what_it_says(gain_db):
    stems = sounds.band(0.5)
    done = plain(gains={"vocals": gain_db}).run(Song(stems=stems))
    wanted = dict(stems)
    wanted["vocals"] = stems["vocals"].with_samples(stems["vocals"].samples * 10 ** (gain_db / 20))
    assert sounds.snr_db(sounds.total(wanted).samples, done.mix.samples) > 110
    assert done.measurements["mix"]["gains_db"]["vocals"] == gain_db


def test_an_unknown_stem_is_named_with_those_there_are(song):
    for asked in ({"gains": {"voclas": 1.0}}, {"pan": {"voclas": 10}}, {"reverb": {"voclas": -20}},
                  {"lead": "voclas"}):  # fmt: skip
        with pytest.raises(StageFailed, match="voclas") as failure:
            plain(**asked).run(song)
        assert "drums, bass, other, vocals" in str(failure.value)


def test_a_gain_of_60_db_is_refused():
    with pytest.raises(ValidationError, match="-24 to 24 dB"):
        Mix(gains={"vocals": "+60 dB"})


@given(st.floats(-1, 1))
def test_panning_keeps_the_power(position):
    left, right = stereo.pan_gains(position)
    assert left**2 + right**2 == pytest.approx(2)


def test_hard_left_is_left(song):
    done = plain(pan={"vocals": -100}, gains={"drums": -24, "bass": -24, "other": -24}).run(song)
    vocals = song.stems["vocals"].samples
    rest = sounds.total({k: v for k, v in song.stems.items() if k != "vocals"}).samples * 10 ** (-24 / 20)
    assert sounds.snr_db(vocals[0] * np.sqrt(2) + rest[0], done.mix.samples[0]) > 60
    assert sounds.snr_db(rest[1], done.mix.samples[1]) > 60


def test_mono_stays_mono(song):
    stems = {name: stem.with_samples(stem.samples[:1]) for name, stem in song.stems.items()}
    done = Mix(pan={"vocals": 50}, width=150).run(Song(stems=stems))
    assert done.mix.channels == 1
    assert done.measurements["mix"]["bus"]["width_percent"] is None


def test_width_0_is_mono_and_200_doubles_the_side(song):
    narrow, wide = (plain(width=width).run(song).mix.samples for width in (0, 200))
    assert np.allclose(narrow[0], narrow[1], atol=1e-7)
    before = song.mix.samples[0] - song.mix.samples[1]
    assert np.allclose(wide[0] - wide[1], 2 * before, atol=1e-6)


def test_a_wide_low_end_is_made_narrower_and_the_rest_is_not():
    low = sounds.sine(60, 4.0, 0.3)
    apart = low.with_samples(low.samples * np.array([[1.0], [-0.6]], np.float32))
    high = sounds.noise(4.0, 0.02, seed=4)
    rate_hz, top = low.rate_hz, (2000.0, 20_000.0)
    song = Song(stems={"bass": apart, "other": high})
    before, after = sounds.total(dict(song.stems)).samples, Mix(amount=100, glue=0).run(song).mix.samples
    assert (
        stereo.side_to_mid_db(after, rate_hz, 20, 100) < stereo.side_to_mid_db(before, rate_hz, 20, 100) - 10
    )
    assert stereo.side_to_mid_db(after, rate_hz, *top) == pytest.approx(
        stereo.side_to_mid_db(before, rate_hz, *top), abs=0.1
    )
    assert stereo.mono_loss_db(after) < stereo.mono_loss_db(before)


def test_a_lead_that_cannot_be_heard_gets_room():
    voice = sounds.noise(4.0, 0.004, seed=1, pink=True)
    covering = sounds.noise(4.0, 0.1, seed=2, pink=True)
    done = Mix(amount=100, glue=0, mono_below=0).run(Song(stems={"vocals": voice, "other": covering}))
    lead = done.measurements["mix"]["lead"]
    assert lead["gain_db"] == 2.0
    assert lead["ducked"] == ["other"]
    assert all(-3 <= band["change_db"] < 0 for band in lead["presence"])


def test_your_own_gains_are_not_argued_with():
    voice, covering = sounds.noise(2.0, 0.004, seed=1), sounds.noise(2.0, 0.1, seed=2)
    done = Mix(gains={"vocals": -3}).run(Song(stems={"vocals": voice, "other": covering}))
    assert done.measurements["mix"]["lead"]["gain_db"] == 0


def bursts() -> Sound:
    """Noise with short loud bursts, 12 dB louder on the left."""
    quiet = sounds.noise(3.0, 0.01, channels=1)
    left = quiet.samples[0] * (1 + 40 * (sounds.times(3.0) % 0.5 < 0.02)).astype(np.float32)
    return quiet.with_samples(np.stack([left, 0.25 * left]))


def test_glue_holds_what_stands_out_and_nothing_else():
    calm = sounds.noise(4.0, 0.1)
    assert bus.glued(calm, 2.0)[0] is calm
    held, facts = bus.glued(bursts(), 2.0)
    assert facts["crest_db"] > bus.CALM_CREST_DB
    assert facts["crest_after_db"] < facts["crest_db"] - 0.3
    assert np.abs(held.samples).max() >= np.abs(bursts().samples).max() * 10 ** (-2 / 20)


def test_glue_does_not_move_the_image():
    """All channels get one gain, so that left over right stays what it was."""
    held, facts = bus.glued(bursts(), 3.0)
    assert facts["reduction_db"] > 0
    assert np.allclose(held.samples[1], 0.25 * held.samples[0], rtol=1e-5, atol=1e-7)


def test_a_room_is_added_only_to_what_is_sent(song):
    dry = plain().run(song).mix.samples
    wet = plain(reverb={"vocals": -12}).run(song).mix.samples
    assert not np.array_equal(dry, wet)
    assert sounds.snr_db(dry, wet) > 6
    again = plain(reverb={"vocals": -12}).run(song).mix.samples
    assert np.array_equal(wet, again)


def test_length_is_kept_and_one_frame_is_enough(song):
    assert Mix().run(song).mix.frames == song.mix.frames
    tiny = {name: stem.with_samples(stem.samples[:, :1]) for name, stem in song.stems.items()}
    assert Mix(reverb={"vocals": -6}).run(Song(stems=tiny)).mix.frames == 1


def test_silence_stays_silent():
    stems = {name: sounds.silence(1.0) for name in ("vocals", "other")}
    assert Mix(reverb={"vocals": -6}, width=150).run(Song(stems=stems)).mix.silent


def test_room_for_a_lead_leaves_the_average_spectrum_as_it_was():
    """The others give way while the lead sings; the song is no duller for it."""
    lead, rest = sounds.noise(6.0, 0.03, seed=1), sounds.noise(6.0, 0.2, seed=2)
    stems = {"vocals": lead, "other": rest}
    done = Mix(amount=100, glue=0, mono_below=0).run(Song(stems=stems))
    facts = done.measurements["mix"]
    assert max(facts["average_kept"]["gains_db"]) > 0.5
    hz, was_db = third_octave_levels_db(sounds.total(stems).samples, lead.rate_hz)
    away_db = third_octave_levels_db(done.mix.samples, lead.rate_hz)[1] - was_db
    inner = (hz > 100) & (hz < 16_000)
    assert np.ptp(away_db[inner]) < 0.5
    sent = Mix(amount=100, reverb={"vocals": -20}).run(Song(stems=stems))
    assert "average_kept" not in sent.measurements["mix"], "what a room does to the tone was asked for"
