from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from whyser.evidence.acoustics import count_syllables, measure, pitch_contour
from whyser.io.audio import SAMPLING_RATE, Samples


def voice(pitch: float, *, seconds: float = 1.0, level: float = 0.3, glide: float = 0.0) -> Samples:
    """A buzz with the harmonics of a voice; `glide` semitones from begin to end."""
    time = np.arange(int(SAMPLING_RATE * seconds)) / SAMPLING_RATE
    frequency = pitch * 2 ** (glide * (time / seconds - 0.5) / 12)
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLING_RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 8))
    return (level * sound / np.abs(sound).max()).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(SAMPLING_RATE * seconds), dtype=np.float32)


@pytest.mark.parametrize("pitch", [110.0, 220.0])
def test_pitch_is_the_median_f0(pitch: float) -> None:
    measured = measure(voice(pitch), "one two")
    assert measured.pitch == pytest.approx(pitch, rel=0.01)
    assert measured.pitch_range == pytest.approx(0, abs=0.1)


def test_pitch_range_is_in_semitones() -> None:
    # The 5th to 95th percentile of an even glide of ten semitones is nine.
    assert measure(voice(200, glide=10), "").pitch_range == pytest.approx(9, abs=0.6)


def test_a_contour_has_the_pitch_of_the_voiced_frames() -> None:
    samples = np.concatenate([silence(0.5), voice(200, glide=10), silence(0.5)])
    times, hertz = np.array(list(pitch_contour(samples))).T
    assert times.min() >= 0.5 and times.max() <= 1.5 and len(times) > 80
    expected = 200 * 2 ** (10 * (times - 1.0) / 12)
    np.testing.assert_allclose(hertz, expected, rtol=0.02)
    assert not list(pitch_contour(silence(1.0))) and not list(pitch_contour(voice(200)[:800]))


def test_twice_the_amplitude_is_six_decibels() -> None:
    quiet, loud = (measure(voice(150, level=level), "").loudness for level in (0.2, 0.4))
    assert quiet is not None and loud is not None
    assert loud - quiet == pytest.approx(6.02, abs=0.05)


def test_rate_counts_syllables_of_speech_not_of_silence() -> None:
    text = "one two three four"
    # Long enough that the ends, blurred by Praat's window of 43 ms, weigh little.
    spoken = voice(150, seconds=4)
    plain = measure(spoken, text)
    padded = measure(np.concatenate([silence(2), spoken, silence(2)]), text)
    assert plain.rate == pytest.approx(1, rel=0.1)
    assert padded.rate == pytest.approx(plain.rate, rel=0.1)


def test_a_gap_in_the_middle_is_a_pause() -> None:
    halves = [voice(150, seconds=0.5), silence(0.5), voice(150, seconds=0.5)]
    assert measure(np.concatenate(halves), "").pauses == pytest.approx(1 / 3, abs=0.08)
    assert measure(voice(150), "").pauses == 0


def test_what_a_clip_does_not_show_is_none() -> None:
    assert measure(voice(150), "").rate is None
    assert measure(silence(0.01), "word").pitch is None
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLING_RATE).astype(np.float32)
    assert measure(noise, "word").pitch is None
    assert measure(silence(1.0), "word").pitch is None


@pytest.mark.parametrize(
    ("text", "syllables"),
    [("", 0), ("cat", 1), ("make", 1), ("jacket", 2), ("table", 2), ("hmm", 1), ("don't", 1)],
)
def test_syllables(text: str, syllables: int) -> None:
    assert count_syllables(text) == syllables


def wobbling(samples: Samples, *, noise: float = 0.0) -> Samples:
    rng = np.random.default_rng(0)
    return (samples + noise * rng.normal(size=len(samples))).astype(np.float32)


def test_voice_quality_is_not_measured_unasked() -> None:
    measured = measure(voice(150), "")
    assert (measured.hnr, measured.jitter, measured.shimmer, measured.tilt) == (None,) * 4


def test_noise_lowers_the_harmonicity_and_shakes_the_periods() -> None:
    clean = measure(voice(150), "", voice_quality=True)
    noisy = measure(wobbling(voice(150), noise=0.02), "", voice_quality=True)
    assert clean.hnr and clean.jitter is not None and clean.shimmer is not None
    assert noisy.hnr and noisy.jitter is not None and noisy.shimmer is not None
    # A periodic buzz: Praat sees no irregularity to speak of.
    assert clean.hnr > 30
    assert clean.jitter < 0.001
    # The buzz has an RMS of about 0.13, the noise 0.02: 20 * log10(0.13 / 0.02) = 16 dB.
    assert noisy.hnr == pytest.approx(16, abs=3)
    assert noisy.jitter > 5 * clean.jitter
    assert noisy.shimmer > 5 * clean.shimmer


def test_tilt_compares_high_bands_with_low_ones() -> None:
    time = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    # The harmonic at 2 kHz has a tenth of the amplitude: -20 dB.
    sound = 0.3 * np.sin(2 * np.pi * 200 * time) + 0.03 * np.sin(2 * np.pi * 2000 * time)
    measured = measure(sound.astype(np.float32), "", voice_quality=True)
    assert measured.tilt == pytest.approx(-20, abs=0.1)


def test_intensity_range_is_of_voiced_frames_in_decibels() -> None:
    halves = [voice(150, level=0.05), voice(150, level=0.5)]
    # Ten times the amplitude is 20 dB; silence between would not count.
    parts = np.concatenate([halves[0], silence(0.5), halves[1]])
    assert measure(parts, "").loudness_range == pytest.approx(20, abs=1.5)
    assert measure(voice(150), "").loudness_range == pytest.approx(0, abs=1)


def speech(*pitches: float, level: float = 0.3) -> Samples:
    """Syllables of 0.2 s with closures of 0.06 s between, and half a second of silence around."""
    parts = [silence(0.5)]
    for pitch in pitches:
        parts += [voice(pitch, seconds=0.2, level=level), silence(0.06)]
    return np.concatenate([*parts, silence(0.5)])


def with_noise(samples: Samples, snr: float) -> Samples:
    noise = np.random.default_rng(0).normal(size=len(samples))
    scale = np.sqrt(np.mean(samples**2) / 10 ** (snr / 10))
    noisy: Samples = (samples + scale * noise).astype(np.float32)
    return noisy


PHRASE = (150.0, 165.0, 150.0, 140.0, 155.0, 130.0, 145.0, 125.0)
WORDS = "one two three four five six eight nine"


def test_what_is_measured_has_no_reason() -> None:
    measured = measure(speech(*PHRASE), WORDS)
    assert measured.unmeasured == {}
    assert measured.conditions is not None
    assert measured.conditions.voiced > 0.8
    assert (measured.conditions.octaves, measured.conditions.clipped) == (0, 0)


@pytest.mark.parametrize("snr", [30, 20])
def test_moderate_noise_changes_no_measure(snr: float) -> None:
    clean, noisy = measure(speech(*PHRASE), WORDS), measure(with_noise(speech(*PHRASE), snr), WORDS)
    assert noisy.unmeasured.keys() <= {"loudness_range"}
    assert noisy.pitch == pytest.approx(clean.pitch, rel=0.02)
    assert noisy.pitch_range == pytest.approx(clean.pitch_range, abs=0.5)
    assert noisy.loudness == pytest.approx(clean.loudness, abs=0.5)
    # The silence around the phrase, 1 s of 3 s, does not become speech.
    assert noisy.rate == pytest.approx(clean.rate, rel=0.05)


def test_loud_noise_hides_rate_and_pauses_and_louder_noise_everything() -> None:
    loud = measure(with_noise(speech(*PHRASE), 12), WORDS)
    assert (loud.rate, loud.pauses) == (None, None)
    assert loud.unmeasured["rate"] == loud.unmeasured["pauses"] == "background noise"
    assert loud.pitch == pytest.approx(147, rel=0.03)
    drowned = measure(with_noise(speech(*PHRASE), 0), WORDS)
    assert set(drowned.unmeasured.values()) == {"background noise"}
    assert (drowned.pitch, drowned.loudness, drowned.rate) == (None, None, None)


def test_a_background_that_rises_and_falls_hides_rate_and_pauses() -> None:
    clip = np.concatenate([silence(1.5), speech(*PHRASE), silence(1.5)])
    # Other sounds of 0.3 s, about 20 dB below the loudest part, with gaps of 0.2 s.
    steps = np.arange(len(clip)) % (SAMPLING_RATE // 2) < 0.3 * SAMPLING_RATE
    sounds = np.random.default_rng(0).normal(0, 0.015, len(clip)) * (0.05 + steps)
    measured = measure((clip + sounds).astype(np.float32), WORDS)
    assert measured.conditions is not None and measured.conditions.headroom > 30
    assert measured.unmeasured["rate"] == measured.unmeasured["pauses"] == "background noise"
    assert measured.pitch == pytest.approx(147, rel=0.03)


def test_the_telephone_band_changes_no_measure() -> None:
    band = scipy.signal.butter(4, [300, 3400], "band", fs=SAMPLING_RATE, output="sos")
    clip = speech(*PHRASE)
    clean = measure(clip, WORDS)
    narrow = measure(scipy.signal.sosfiltfilt(band, clip).astype(np.float32), WORDS)
    assert narrow.loudness == pytest.approx(clean.loudness, abs=1.5)
    assert narrow.rate == pytest.approx(clean.rate, rel=0.05)
    assert narrow.pitch == pytest.approx(clean.pitch, rel=0.02)


def test_a_whisper_has_a_level_and_a_rate_and_no_pitch() -> None:
    breath = np.random.default_rng(0).normal(size=len(speech(*PHRASE)))
    whispered = measure((breath * np.abs(speech(*PHRASE))).astype(np.float32), WORDS)
    assert (whispered.pitch, whispered.pitch_range) == (None, None)
    assert whispered.unmeasured["pitch"] == "hardly voiced"
    assert whispered.loudness is not None
    assert whispered.rate == pytest.approx(measure(speech(*PHRASE), WORDS).rate, rel=0.1)


def test_stray_frames_do_not_widen_the_range() -> None:
    # Two clicks of a hum an octave and a half higher, of 40 ms each, quieter than the voice.
    stray = voice(430, seconds=0.04, level=0.05)
    gap = silence(0.06)
    clip = np.concatenate([speech(*PHRASE), stray, gap, speech(*PHRASE), stray, gap])
    assert measure(clip, WORDS).pitch_range == pytest.approx(
        measure(speech(*PHRASE), WORDS).pitch_range, abs=0.5
    )


def test_where_creak_halves_the_pitch_of_many_frames_the_range_is_not_measurable() -> None:
    creaky = (*PHRASE[:5], *(pitch / 2 for pitch in (160.0, 165.0, 170.0)))
    measured = measure(speech(*creaky), WORDS)
    assert measured.pitch_range is None
    assert measured.unmeasured["pitch_range"] == "octave jumps"
    assert measured.conditions is not None and measured.conditions.octaves > 0.3


def test_where_every_second_pulse_is_weak_the_pitch_is_not_measurable() -> None:
    time = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    # Harmonics of 100 Hz, of which those of 200 Hz have ten times the energy.
    sound = sum(
        (1.0 if k % 2 == 0 else 0.18) * np.sin(2 * np.pi * 100 * k * time) / k for k in range(1, 12)
    )
    measured = measure((0.3 * sound / np.abs(sound).max()).astype(np.float32), "")
    assert measured.pitch is None
    assert measured.unmeasured["pitch"] == "octave jumps"


def test_an_overdriven_clip_has_no_level() -> None:
    clip = speech(*PHRASE, level=0.9)
    overdriven = measure(np.clip(2 * clip, -0.5, 0.5).astype(np.float32), WORDS)
    assert overdriven.loudness is None
    assert overdriven.unmeasured["loudness"] == "clipping"
    assert overdriven.pitch == pytest.approx(147, rel=0.03)


@pytest.mark.parametrize(
    ("samples", "reason"), [(silence(0.01), "too short"), (silence(1.0), "silence")]
)
@pytest.mark.parametrize("voice_quality", [False, True])
def test_what_holds_nothing_says_so(samples: Samples, reason: str, voice_quality: bool) -> None:
    measured = measure(samples, "word", voice_quality=voice_quality)
    assert set(measured.unmeasured.values()) == {reason}
    assert ("hnr" in measured.unmeasured) == voice_quality


def test_without_words_there_is_no_rate() -> None:
    assert measure(speech(*PHRASE), "").unmeasured == {"rate": "no words"}


def test_noise_between_the_words_hides_the_quality_of_the_voice() -> None:
    clean = measure(speech(*PHRASE), WORDS, voice_quality=True)
    noisy = measure(with_noise(speech(*PHRASE), 10), WORDS, voice_quality=True)
    for kind in ("hnr", "jitter", "shimmer", "tilt"):
        assert getattr(clean, kind) is not None
        assert getattr(noisy, kind) is None
        assert noisy.unmeasured[kind] == "background noise"
