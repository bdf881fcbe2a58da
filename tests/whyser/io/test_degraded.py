"""Degraded sound: levels, bands and codes as declared, the same for the same clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from whyser.io.degraded import NAMES, Degradation, degraded, degraded_file, speech_level
from whyser.io.errors import InputError

RATE = 16_000
Samples = npt.NDArray[np.float32]


def tone(hertz: float, seconds: float = 2.0, level: float = 0.3) -> Samples:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def decibels(samples: npt.NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("pause", [0.0, 1.0, 10.0])
def test_pauses_change_no_level_and_so_no_noise(pause: float) -> None:
    """Ten seconds of pause would lower the mean of the whole clip by 8 dB."""
    silence = np.zeros(round(pause * RATE), dtype=np.float32)
    clip = np.concatenate([silence, tone(500), silence])
    # A sine of amplitude a has the power a * a / 2.
    assert speech_level(clip) == pytest.approx(10 * np.log10(0.3**2 / 2), abs=0.05)
    noise = degraded(clip, "noise", b"1") - clip
    assert decibels(noise) == pytest.approx(speech_level(clip) - 10, abs=0.05)


def test_noise_falls_by_three_decibels_an_octave() -> None:
    clip = tone(500, seconds=20, level=0.1)
    spectrum = np.abs(np.fft.rfft(degraded(clip, "noise", b"1") - clip)) ** 2
    hertz = np.fft.rfftfreq(len(clip), 1 / RATE)

    def power(low: float, high: float) -> float:
        return float(spectrum[(hertz >= low) & (hertz < high)].mean())

    octaves = [power(low, 2 * low) for low in (100, 200, 400, 800, 1600, 3200)]
    falls = 10 * np.log10(np.array(octaves[:-1]) / octaves[1:])
    assert falls == pytest.approx([3.01] * 5, abs=0.5)
    assert power(0, 49) < power(50, 100) / 1e6


def test_a_loud_clip_is_scaled_and_not_cut_off() -> None:
    clip = np.sign(tone(300, level=1.0))
    noisy = degraded(clip, "noise", b"1")
    assert np.abs(noisy).max() == 1
    assert (np.abs(noisy) == 1).sum() == 1
    # Signal and noise keep their ratio: what is left after the best fit of the clip.
    share = float(noisy @ clip / (clip @ clip))
    assert decibels(share * clip) - decibels(noisy - share * clip) == pytest.approx(10, abs=0.1)


def test_the_telephone_passes_its_band() -> None:
    def loss(hertz: float) -> float:
        clip = tone(hertz)
        return decibels(clip) - decibels(degraded(clip, "codec", b""))

    assert [round(loss(hertz)) for hertz in (500, 1000, 2000, 3000)] == [0, 0, 0, 0]
    # G.712 calls 3 dB the edge of the band.
    assert loss(300) == pytest.approx(3, abs=0.2)
    assert loss(100) > 25 and loss(4500) > 30


def test_the_telephone_codes_by_g711() -> None:
    """A signal in the middle of the band has the error of 8 bits of mu-law: 38 dB."""
    clip = tone(1000, seconds=1)
    inner = slice(RATE // 4, -RATE // 4)
    heard = degraded(clip, "codec", b"")[inner]
    times = np.arange(len(clip))[inner] / RATE
    basis = np.stack([np.sin(2 * np.pi * 1000 * times), np.cos(2 * np.pi * 1000 * times)])
    fit = np.linalg.lstsq(basis.T, heard, rcond=None)[0] @ basis
    assert 34 < decibels(fit) - decibels(heard - fit) < 44


def test_quieter_by_twenty_decibels() -> None:
    clip = tone(440)
    assert np.allclose(degraded(clip, "gain", b""), clip / 10, atol=1e-7)


def test_silence_stays_silent() -> None:
    for how in NAMES:
        assert np.abs(degraded(np.zeros(1_000, dtype=np.float32), how, b"1")).max() < 1e-3
    assert speech_level(np.zeros(1_000)) == -np.inf


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5_000), st.sampled_from(sorted(NAMES)), st.floats(1e-4, 1), st.binary(max_size=8)
)
def test_a_clip_keeps_its_length_and_full_scale(
    count: int, how: Degradation, level: float, seed: bytes
) -> None:
    clip = np.random.default_rng(count).uniform(-level, level, count).astype(np.float32)
    found = degraded(clip, how, seed)
    assert (found.shape, found.dtype) == (clip.shape, np.float32)
    assert np.abs(found).max() <= 1
    assert np.array_equal(found, degraded(clip, how, seed))


def test_a_file_is_written_once_for_each_sound_and_seed(tmp_path: Path) -> None:
    source = tmp_path / "clip.wav"
    # At 44.1 kHz, as corpora have it.
    soundfile.write(source, np.stack([tone(500)] * 2, axis=1), 44_100)
    first = degraded_file(source, "noise", b"1", tmp_path / "out")
    written = first.stat().st_mtime_ns
    assert soundfile.info(first).samplerate == RATE
    assert degraded_file(source, "noise", b"1", tmp_path / "out") == first
    assert first.stat().st_mtime_ns == written
    assert degraded_file(source, "noise", b"2", tmp_path / "out") != first
    soundfile.write(source, tone(600), RATE)
    assert degraded_file(source, "noise", b"1", tmp_path / "out") != first


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such sound file"):
        degraded_file(tmp_path / "clip.wav", "gain", b"", tmp_path / "out")
