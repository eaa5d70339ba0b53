"""`clean`, one half of the proof: planted faults come out, by the decibels stated here."""

from __future__ import annotations

import numpy as np
import pytest
import sounds

from polish.audio import Samples, Sound
from polish.dsp import bands, declick, dynamic_eq, filters
from polish.models.composer import compose
from polish.presets import kind_of
from polish.song import Finding, Song
from polish.stages.clean import Clean

RATE_HZ = sounds.RATE_HZ


@pytest.fixture(scope="module")
def stems() -> dict[str, Sound]:
    return dict(compose(5, seconds=16).stems)


def kit(seconds: float = 12.0, seed: int = 0) -> Samples:
    """Something like a drum kit: hits of pink noise, fuller below 600 Hz, over a little hiss."""
    t = sounds.times(seconds)
    hits = np.exp(-(t % 0.25) * 18) * (1 + ((t // 0.25) % 4 == 0)) + 0.02
    noise = sounds.noise(seconds, 0.08, pink=True, seed=seed)
    shape = filters.cascade(
        filters.butterworth(RATE_HZ, 45, 4, "highpass"),
        filters.low_shelf(RATE_HZ, 600, 8),
        filters.peak(RATE_HZ, 3200, 4, 0.8),
    )
    return filters.apply((noise.samples * hits).astype(np.float32), shape)


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def finding(kind: str, value: float) -> Finding:
    return Finding(
        kind=kind, start_s=0, end_s=1, severity="warning", value=value, unit="dB", message="", mend="clean"
    )


def cleaned(
    name: str, samples: Samples, *, asked: dict[str, float] | None = None, **settings
) -> tuple[Samples, list]:
    findings = tuple(finding(kind, value) for kind, value in (asked or {}).items())
    song = Song(stems={name: Sound(samples, RATE_HZ)}, findings=findings)
    done = Clean(**settings).run(song)
    return done.stems[name].samples, done.measurements["clean"]["stems"][name]


def band_snr_db(wanted: Samples, got: Samples, low_hz: float, high_hz: float) -> float:
    """SNR in one band, where the fault is."""
    band = filters.cascade(
        filters.butterworth(RATE_HZ, low_hz, 4, "highpass"),
        filters.butterworth(RATE_HZ, high_hz, 4, "lowpass"),
    )
    return sounds.snr_db(filters.apply(wanted, band), filters.apply(got, band))


def hum_of(samples: Samples, mains_hz: float, under_db: float) -> Samples:
    t = np.arange(samples.shape[1]) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * mains_hz * k * t + k) / k for k in (1, 2, 3, 5))
    wave *= rms(samples) * 10 ** (-under_db / 20) / np.sqrt(np.mean(wave**2))
    return (samples + wave).astype(np.float32)


def rumbling(samples: Samples, under_db: float, below_hz: float) -> Samples:
    noise = np.random.default_rng(7).standard_normal(samples.shape).astype(np.float32)
    noise = filters.apply(noise, filters.butterworth(RATE_HZ, below_hz, 4, "lowpass"))
    return samples + noise * np.float32(rms(samples) * 10 ** (-under_db / 20) / rms(noise))


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
@pytest.mark.parametrize("name", ["vocals", "other"])
def test_hum_comes_out(stems, name, mains_hz):
    clean = stems[name].samples
    hummed = hum_of(clean, mains_hz, 25)
    got, noted = cleaned(name, hummed)
    assert [entry["repair"] for entry in noted] == ["hum"]
    assert noted[0]["where_hz"][0] == mains_hz
    assert sounds.snr_db(clean, got) > sounds.snr_db(clean, hummed) + 6


@pytest.mark.parametrize(
    ("name", "below_hz"), [("vocals", 25.0), ("other", 14.0), ("bass", 12.0), ("drums", 12.0)]
)
def test_rumble_below_the_lowest_notes_comes_out(stems, name, below_hz):
    clean = stems[name].samples
    rumbled = rumbling(clean, 15, below_hz)
    got, noted = cleaned(name, rumbled)
    assert [entry["repair"] for entry in noted] == ["rumble"]
    assert sounds.snr_db(clean, got) > sounds.snr_db(clean, rumbled) + 6


def test_rumble_without_a_trough_comes_out_where_a_finding_names_it():
    """Even noise from 16 to 80 Hz: nothing tells its foot from the bass but a finding."""
    samples = sounds.noise(9.0, 0.5, seed=4).samples
    for sos in (filters.low_pass(RATE_HZ, 80.0), filters.high_pass(RATE_HZ, 16.0)):
        samples = filters.apply(samples, sos)
    assert cleaned("bass", samples)[1] == []
    got, noted = cleaned("bass", samples, asked={"sub_rumble": -10.0})
    assert [entry["repair"] for entry in noted] == ["rumble"]
    assert band_snr_db(samples, got, 5.0, 18.0) < 6
    assert band_snr_db(samples, got, 60.0, 200.0) > 30


def test_an_offset_comes_out(stems):
    clean = stems["other"].samples
    got, noted = cleaned("other", clean + np.array([[0.02], [-0.01]], np.float32))
    assert noted[0]["repair"] == "offset"
    assert noted[0]["measured"] == pytest.approx([0.02, -0.01], abs=2e-4)
    assert sounds.snr_db(clean, got) > 40


@pytest.mark.parametrize("hz", [700.0, 1300.0, 4000.0])
def test_a_resonance_is_turned_down_where_it_rings(hz):
    clean = kit()
    ringing = filters.apply(clean, filters.peak(RATE_HZ, hz, 18, 14))
    got, noted = cleaned("drums", ringing, max_cut=12)
    found = [entry["where_hz"] for entry in noted if entry["repair"] == "resonance"]
    assert len(found) == 1
    assert abs(np.log2(found[0] / hz)) < 1 / 16
    near = (hz * 0.85, hz * 1.18)
    assert band_snr_db(clean, got, *near) > band_snr_db(clean, ringing, *near) + 6


@pytest.mark.parametrize("hz", [250.0, 275.0, 300.0])
def test_mud_is_turned_down(hz):
    clean = kit()
    muddy = filters.apply(clean, filters.peak(RATE_HZ, hz, 12, 1))
    got, noted = cleaned("drums", muddy)
    assert [entry["repair"] for entry in noted] == ["mud"]
    assert -6 <= noted[0]["deepest_db"] < -3
    assert band_snr_db(clean, got, 150, 600) > band_snr_db(clean, muddy, 150, 600) + 6


@pytest.mark.parametrize("hz", [2600.0, 3200.0, 4000.0])
def test_harshness_is_turned_down(hz):
    clean = kit()
    harsh = filters.apply(clean, filters.peak(RATE_HZ, hz, 14, 1.4))
    got, noted = cleaned("drums", harsh)
    assert [entry["repair"] for entry in noted] == ["harshness"]
    assert band_snr_db(clean, got, 1500, 6000) > band_snr_db(clean, harsh, 1500, 6000) + 6


def test_a_finding_about_the_song_asks_for_what_the_stem_alone_would_not():
    clean = kit()
    muddy = filters.apply(clean, filters.peak(RATE_HZ, 300, 6, 1))
    assert cleaned("drums", muddy)[1] == []
    got, noted = cleaned("drums", muddy, asked={"mud": 9.0})
    assert [entry["repair"] for entry in noted] == ["mud"]
    assert band_snr_db(clean, got, 150, 600) > band_snr_db(clean, muddy, 150, 600) + 3


def test_mud_that_does_not_show_in_the_song_is_left():
    muddy = filters.apply(kit(), filters.peak(RATE_HZ, 300, 12, 1))
    rest = sounds.noise(12.0, 0.3, pink=True)
    stems = {"drums": Sound(muddy * np.float32(0.1), RATE_HZ), "other": rest}
    assert Clean().run(Song(stems=stems)).stems["drums"] is stems["drums"]


def test_what_is_usual_is_left_alone_even_when_asked():
    assert cleaned("drums", kit(), asked={"mud": 9.0, "harshness": 9.0})[1] == []


def test_a_finding_that_the_stems_do_not_bear_out_is_named_with_the_reason():
    stems = {"drums": Sound(kit(), RATE_HZ), "other": sounds.noise(12.0, pink=True)}
    asked, not_asked = (
        Clean(rumble=False).run(Song(stems=stems, findings=found)).measurements["clean"]
        for found in ((finding("mud", 4.6),), ())
    )
    assert asked["reason"] == (
        "no stem measures wrong, nor do the stems bear out that the song has mud; all come back as they were"
    )
    assert not_asked["reason"] == "no stem measures wrong; all come back as they were"


def test_a_voice_keeps_its_presence_unless_a_finding_asks():
    voice = filters.apply(sounds.noise(8.0, 0.1, pink=True).samples, filters.peak(RATE_HZ, 3000, 18, 1.0))
    assert cleaned("vocals", voice)[1] == []
    asked = cleaned("vocals", voice, asked={"harshness": 9.0})[1]
    assert [entry["repair"] for entry in asked] == ["harshness"]


def lisping(seconds: float, ess_db: float) -> Samples:
    """Vowels (pink below 3 kHz) and, twice a second, 80 ms of hiss, `ess_db` over the vowels."""
    t = sounds.times(seconds)
    vowels = filters.apply(sounds.noise(seconds, 0.1, pink=True).samples, filters.low_pass(RATE_HZ, 2500))
    hiss = filters.apply(sounds.noise(seconds, 1.0, seed=3).samples, filters.band_pass(RATE_HZ, 6700, 1.2))
    hiss *= np.float32(rms(vowels) * 10 ** (ess_db / 20) / rms(hiss))
    esses = (t % 0.5) < 0.08
    return np.where(esses, hiss, vowels).astype(np.float32)


def test_loud_esses_are_turned_down_and_nothing_between_them():
    usual, sharp = lisping(8.0, -18.0), lisping(8.0, -4.0)
    got, noted = cleaned("lead vocals", sharp)
    assert [entry["repair"] for entry in noted] == ["sibilance"]
    assert band_snr_db(usual, got, 4000, 12_000) > band_snr_db(usual, sharp, 4000, 12_000) + 4
    between = (sounds.times(8.0) % 0.5) > 0.25
    assert sounds.snr_db(sharp[:, between], got[:, between]) > 30


def test_usual_esses_and_other_stems_keep_theirs():
    usual = lisping(8.0, -18.0)
    assert cleaned("vocals", usual)[1] == []
    assert not [e for e in cleaned("drums", lisping(8.0, -4.0))[1] if e["repair"] == "sibilance"]


def test_clicks_are_mended_when_asked_for(stems):
    clean = stems["vocals"].samples
    clicked = clean.copy()
    places = np.arange(20_011, clean.shape[1] - 1000, 30_011)
    clicked[:, places] += np.float32(0.5)
    assert cleaned("vocals", clicked, joins=False)[1] == []
    got, noted = cleaned("vocals", clicked, joins=False, clicks=True)
    assert noted[0]["repair"] == "clicks"
    assert sounds.snr_db(clean, got) > sounds.snr_db(clean, clicked) + 20


def test_attacks_are_hardly_taken_for_clicks(stems):
    assert len(declick.find(stems["drums"].samples, RATE_HZ)) <= 20


def test_steady_noise_goes_down_in_pauses_when_asked_for(stems):
    clean = stems["vocals"].samples
    noisy = clean + sounds.noise(16.0, rms(clean) * 10 ** (-30 / 20), seed=2).samples
    assert cleaned("vocals", noisy)[1] == []
    got, noted = cleaned("vocals", noisy, noise=True)
    assert noted[0]["repair"] == "noise"
    assert sounds.snr_db(clean, got) > sounds.snr_db(clean, noisy) + 2


@pytest.mark.parametrize(("name", "kind"), [
    ("Lead Vocals", "vocals"), ("kick", "drums"), ("Bass Guitar", "bass"), ("strings", "other"),
])  # fmt: skip
def test_stem_names_tell_their_kind(name, kind):
    assert kind_of(name) == kind


def test_amount_is_the_share_that_is_done():
    muddy = filters.apply(kit(), filters.peak(RATE_HZ, 300, 12, 1))
    whole, half, none = (cleaned("drums", muddy, amount=amount)[0] for amount in (100, 50, 0))
    assert sounds.snr_db(muddy + (whole - muddy) / 2, half) > 100
    assert np.array_equal(none, muddy)


FAULTS = {
    "mud": lambda x: filters.apply(x, filters.peak(RATE_HZ, 300, 12, 1)),
    "hum": lambda x: hum_of(x, 50, 6),
    "rumble": lambda x: rumbling(x, 15, 12.0),
    "offset": lambda x: x + np.float32(0.02),
    "resonances": lambda x: filters.apply(x, filters.peak(RATE_HZ, 1300, 18, 14)),
    "harshness": lambda x: filters.apply(x, filters.peak(RATE_HZ, 3300, 14, 1.4)),
}


@pytest.mark.parametrize("switch", FAULTS)
def test_a_repair_that_is_switched_off_is_not_done(switch):
    faulty = FAULTS[switch](kit())
    name = "resonance" if switch == "resonances" else switch
    assert [entry["repair"] for entry in cleaned("drums", faulty)[1]] == [name]
    assert cleaned("drums", faulty, **{switch: False})[1] == []


def test_all_faults_at_once_are_all_noted():
    faulty = kit()
    for plant in FAULTS.values():
        faulty = plant(faulty)
    assert {entry["repair"] for entry in cleaned("drums", faulty)[1]} >= {
        "offset",
        "hum",
        "rumble",
        "resonance",
    }


def test_a_moving_bell_is_still_where_it_is_told_to_be():
    noise = sounds.noise(1.0)
    still = np.zeros(100)
    assert dynamic_eq.act(noise.samples, RATE_HZ, [dynamic_eq.Bell(1000, 1, still, 441)]) is noise.samples
    steady = np.full(101, -6.0)
    cut = dynamic_eq.act(noise.samples, RATE_HZ, [dynamic_eq.Bell(1000, 1, steady, 441)])
    wanted = filters.apply(noise.samples, filters.peak(RATE_HZ, 1000, -6, 1))
    assert sounds.snr_db(wanted, cut) > 100


def test_band_powers_sum_to_the_power_of_the_sound():
    noise = sounds.noise(2.0, 0.1)
    found = bands.measure(noise.samples, RATE_HZ, low_hz=20, high_hz=21_000)
    share = 20_480 / 22_050  # the bands end at the last that is whole
    assert found.powers.sum(axis=0)[2:-2].mean() == pytest.approx(0.01 * share, rel=0.05)
