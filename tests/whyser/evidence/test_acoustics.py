from __future__ import annotations

import numpy as np
import pytest

from whyser.evidence.acoustics import count_syllables, measure
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
