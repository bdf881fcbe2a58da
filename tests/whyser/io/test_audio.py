from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.io import audio
from whyser.io.errors import InputError


def tone(path: Path, *, rate: int, channels: int, seconds: float = 0.5) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    mono = 0.5 * np.sin(2 * np.pi * 220 * time)
    soundfile.write(path, np.tile(mono[:, None], (1, channels)), rate, subtype="PCM_16")
    return path


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 1), (48_000, 2)])
def test_any_wav_is_read_as_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    path = tone(tmp_path / "with space.wav", rate=rate, channels=channels)
    info = audio.probe(path)
    assert (info.sampling_rate, info.channels, info.duration) == (rate, channels, 0.5)
    assert info.is_ready == (rate == 16_000)
    samples = audio.load(path)
    assert samples.shape == (8_000,)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.01)


def test_what_is_written_is_ready(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.wav"
    audio.write(path, np.zeros(1_600, dtype=np.float32))
    assert audio.probe(path) == audio.AudioInfo(1_600, 16_000, 1)
    assert [one.name for one in path.parent.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such sound file"),
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"RIFF", "not a readable sound file"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    for read in (audio.probe, audio.load):
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_a_wav_without_samples_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    with pytest.raises(InputError, match="contains no samples"):
        audio.probe(path)


def test_a_half_copied_wav_is_named(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", rate=16_000, channels=1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"is cut short: it has 7,978 of 16,000 bytes"):
        audio.probe(path)


def test_samples_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    samples = np.zeros(1600, np.float32)
    samples[7] = np.inf
    soundfile.write(tmp_path / "clip.wav", samples, audio.SAMPLING_RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"clip\.wav: contains NaN or infinite samples"):
        audio.load(tmp_path / "clip.wav")


def test_a_stream_of_unknown_length_is_no_half_copy(tmp_path: Path) -> None:
    path = tone(tmp_path / "a.wav", rate=16_000, channels=1)
    whole = path.read_bytes()
    # As a pipe writes it: both lengths are the largest number there is.
    unknown = b"\xff\xff\xff\xff"
    path.write_bytes(whole[:4] + unknown + whole[8:40] + unknown + whole[44:])
    assert audio.probe(path).frames == 8_000


def video(path: Path, *, layout: str, broken: range = range(0)) -> Path:
    """Two seconds of AAC at 48 kHz; the packets `broken` hold no AAC."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout=layout)
        channels = stream.codec_context.layout.nb_channels
        for block in range(100):
            times = (np.arange(1024) + 1024 * block) / 48_000
            tone = (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.tile(tone, (channels, 1)), "fltp", layout)
            frame.rate, frame.pts = 48_000, 1024 * block
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        packets = [(one.pos, one.size) for one in container.demux(audio=0) if one.size]
    data = bytearray(path.read_bytes())
    for start, size in (packets[number] for number in broken):
        data[start : start + size] = b"\xff" * size
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_video_is_read_as_16_khz_mono(tmp_path: Path, layout: str) -> None:
    samples = audio.load(video(tmp_path / "a.mp4", layout=layout))
    assert len(samples) / 16_000 == pytest.approx(100 * 1024 / 48_000, abs=0.05)
    assert np.abs(samples[8_000:16_000]).max() > 0.1


def test_a_broken_packet_of_video_is_passed_over(tmp_path: Path) -> None:
    whole = audio.load(video(tmp_path / "a.mp4", layout="5.1"))
    samples = audio.load(video(tmp_path / "b.mp4", layout="5.1", broken=range(50, 52)))
    assert 0 < len(whole) - len(samples) <= 3 * 1024 / 3
    # What comes before is what it was.
    assert np.allclose(samples[:16_000], whole[:16_000], atol=1e-3)
    with pytest.raises(InputError, match=r"10 of \d+ sound packets cannot be decoded"):
        audio.load(video(tmp_path / "c.mp4", layout="5.1", broken=range(50, 60)))
