from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from whyser.io import audio, decoder_process
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


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (48_000, 2)])
def test_the_first_seconds_are_those_of_the_whole(
    tmp_path: Path, suffix: str, rate: int, channels: int
) -> None:
    path = tone(tmp_path / f"a.{suffix}", rate=rate, channels=channels)
    whole = audio.load(path)
    assert audio.load(path, end=0.3).shape == (4_800,)
    # But for the last frames, where the resampler sees no more.
    np.testing.assert_allclose(audio.load(path, end=0.3)[:4_700], whole[:4_700], atol=1e-3)
    np.testing.assert_array_equal(audio.load(path, end=9.0), whole)


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


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW"])
def test_the_head_of_a_wav_says_what_libsndfile_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtype: str
) -> None:
    path, samples = tmp_path / "a.wav", np.linspace(-0.5, 0.5, 3_000).reshape(1_500, 2)
    soundfile.write(path, samples, 44_100, subtype=subtype)
    whole = path.read_bytes()

    def found() -> audio.AudioInfo | str:
        try:
            return audio.probe(path)
        except InputError as problem:
            return str(problem)

    def of_libsndfile() -> audio.AudioInfo | str:
        with monkeypatch.context() as patch:
            patch.setattr(audio, "_usual_wav", lambda _: None)
            return found()

    assert found() == of_libsndfile() == audio.AudioInfo(1_500, 44_100, 2)
    wrong = [whole[:-1], whole[:-2000], whole + b"\0", whole + b"LIST\2\0\0\0ab"]
    wrong += [
        whole[:place] + bytes([(whole[place] + step) % 256]) + whole[place + 1 :]
        for place in range(44)
        for step in (1, 2, 16, 128, 255)
    ]
    for content in wrong:
        path.write_bytes(content)
        assert found() == of_libsndfile(), content[:48]


def test_a_usual_wav_needs_no_libsndfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tone(tmp_path / "a.wav", rate=16_000, channels=1)
    monkeypatch.setattr(soundfile, "SoundFile", None)
    assert audio.probe(path) == audio.AudioInfo(8_000, 16_000, 1)


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


def video(
    path: Path,
    *,
    layout: str,
    broken: range = range(0),
    rate: int = 48_000,
    options: dict[str, str] | None = None,
) -> Path:
    """Two seconds of AAC, by default at 48 kHz; the packets `broken` hold no AAC."""
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("aac", rate=rate, layout=layout)
        channels = stream.codec_context.layout.nb_channels
        for block in range(100):
            times = (np.arange(1024) + 1024 * block) / rate
            tone = (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.tile(tone, (channels, 1)), "fltp", layout)
            frame.rate, frame.pts = rate, 1024 * block
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


def test_a_video_that_begins_as_a_wav_is_decoded(tmp_path: Path) -> None:
    path = video(tmp_path / "a.avi", layout="stereo")
    assert path.read_bytes().startswith(b"RIFF")
    assert audio.probe(path).channels == 2
    assert len(audio.load(path)) / 16_000 == pytest.approx(100 * 1024 / 48_000, abs=0.05)


def test_only_what_is_asked_for_is_kept_of_a_long_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process, "_MOST_SAMPLES", 20_000)
    path = video(tmp_path / "a.mp4", layout="mono")
    with path.open("rb", buffering=0) as file:
        samples = decoder_process.load(file, 16_000)[1]
    assert samples is not None and samples.shape == (16_000,)
    np.testing.assert_array_equal(audio.load(path, end=1.0), samples)
    np.testing.assert_array_equal(audio.load(path, 0.5, 1.0), samples[8_000:])
    with path.open("rb", buffering=0) as file, pytest.raises(decoder_process.Refused):
        decoder_process.load(file)


@pytest.mark.parametrize("form", ["FLAC", "OGG"])
def test_half_of_a_file_is_named_though_its_beginning_is_all_that_is_asked_for(
    tmp_path: Path, form: str
) -> None:
    whole = encoded(form)
    path = tmp_path / "a.sound"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(InputError, match="cut short"):
        audio.load(path, end=0.1)


def test_a_broken_packet_of_video_is_passed_over(tmp_path: Path) -> None:
    whole = audio.load(video(tmp_path / "a.mp4", layout="5.1"))
    samples = audio.load(video(tmp_path / "b.mp4", layout="5.1", broken=range(50, 52)))
    assert 0 < len(whole) - len(samples) <= 3 * 1024 / 3
    # What comes before is what it was.
    assert np.allclose(samples[:16_000], whole[:16_000], atol=1e-3)
    with pytest.raises(InputError, match=r"10 of \d+ sound packets cannot be decoded"):
        audio.load(video(tmp_path / "c.mp4", layout="5.1", broken=range(50, 60)))


# ---- headers that lie ---------------------------------------------------------------------


def noise(seconds: float = 2.0, rate: int = 16_000) -> npt.NDArray[np.float32]:
    draws = np.random.default_rng(0).standard_normal(round(rate * seconds))
    return (0.1 * draws).astype(np.float32)


def encoded(form: str, samples: Any = None, rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise() if samples is None else samples, rate, format=form)
    return buffer.getvalue()


def flac_of(frames: int) -> bytes:
    """Two seconds whose STREAMINFO states this number of frames; 0 means unknown."""
    data = bytearray(encoded("FLAC"))
    # 36 bits, from the fifth of byte 21 on.
    stated = int.from_bytes(data[18:26], "big") >> 36 << 36 | frames
    data[18:26] = stated.to_bytes(8, "big")
    return bytes(data)


def mp3_of(frames: int | None) -> bytes:
    """Two seconds whose Xing header states this number of packets, or that has no such header."""
    data = bytearray(encoded("MP3"))
    place = re.search(b"Xing|Info", data)
    assert place
    if frames is None:
        data[place.start() : place.end()] = b"none"
    else:
        data[place.end() + 4 : place.end() + 8] = frames.to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (1_000, r"has a header that states 0\.06 s of sound, and has 2\.00 s"),
        (48_000, r"is cut short: it has 2\.00 of 3\.00 s of sound"),
        (2**36 - 1, r"is cut short: it has 2\.00 of 4,294,967\.30 s of sound"),
    ],
)
def test_a_flac_that_lies_about_its_length_is_named(
    tmp_path: Path, frames: int, message: str
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac_of(frames))
    for read in (audio.probe, audio.load, audio.read):
        with pytest.raises(InputError, match=message):
            read(path)


def test_a_streamed_flac_without_a_length_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(flac_of(0))
    assert audio.probe(path) == audio.AudioInfo(32_000, 16_000, 1, loads=False)
    assert not audio.probe(path).is_ready
    assert np.allclose(audio.load(path), noise(), atol=1e-4)
    with pytest.raises(InputError, match=r"has 2\.00 s of sound, and its header states no length"):
        audio.read(path)


@pytest.mark.parametrize("frames", [None, 5])
def test_an_mp3_is_counted_whatever_its_header_states(tmp_path: Path, frames: int | None) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3_of(frames))
    info = audio.probe(path)
    # libsndfile stops after what the header states, or guesses by the first packet's bit rate.
    assert not info.loads
    assert soundfile.info(str(path)).duration < 1.5
    # Without a header nobody knows the encoder's delay and padding, four packets of 36 ms.
    assert info.duration == pytest.approx(2.0, abs=0.15 if frames is None else 0.01)
    assert len(audio.load(path)) == pytest.approx(info.frames, abs=2)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "FLAC", "MP3", "OGG", "RF64", "NIST"])
@pytest.mark.parametrize("read", [audio.probe, audio.load, audio.read])
def test_half_of_a_file_is_named(tmp_path: Path, form: str, read: Callable[[Path], Any]) -> None:
    path = tmp_path / f"a.{form.lower()}"
    whole = encoded(form)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is cut short"):
        read(path)
    path.write_bytes(whole)
    read(path)


@pytest.mark.parametrize("suffix", ["mp4", "m4a", "mkv"])
def test_half_of_a_video_is_named(tmp_path: Path, suffix: str) -> None:
    path = video(tmp_path / f"a.{suffix}", layout="stereo", options={"movflags": "faststart"})
    assert audio.probe(path).duration == pytest.approx(100 * 1024 / 48_000, abs=0.05)
    assert not audio.probe(path).is_ready
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (audio.probe, audio.load):
        with pytest.raises(InputError, match=r"is cut short: it has 1\.\d\d of 2\.1\d s of sound"):
            read(path)


@pytest.mark.parametrize("extra", [1, 2, 16, 44])
def test_a_header_that_is_off_by_a_few_bytes_is_no_half_copy(tmp_path: Path, extra: int) -> None:
    path = tone(tmp_path / "a.wav", rate=16_000, channels=1)
    whole = path.read_bytes()
    size = int.from_bytes(whole[40:44], "little") + extra
    path.write_bytes(whole[:40] + size.to_bytes(4, "little") + whole[44:])
    assert audio.probe(path).frames == 8_000
    assert len(audio.load(path)) == 8_000


@pytest.mark.parametrize("name", ["a.raw", "a.vox", "a.gsm", "a.au"])
def test_the_suffix_of_a_name_is_not_believed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(encoded("WAV"))
    assert audio.probe(path).frames == len(audio.load(path)) == 32_000
    path.write_bytes(noise().tobytes())
    for read in (audio.probe, audio.load, audio.read):
        with pytest.raises(InputError, match="is not a readable sound file"):
            read(path)


@pytest.mark.parametrize("rate", [1, 0x7FFF_FFFF])
def test_a_rate_that_no_sound_has_is_named(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    whole = encoded("WAV")
    path.write_bytes(whole[:24] + rate.to_bytes(4, "little") + whole[28:])
    with pytest.raises(InputError, match=f"states a sampling rate of {rate:,} Hz"):
        audio.load(path)


def test_more_channels_than_any_sound_has_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    whole = encoded("WAV")
    path.write_bytes(whole[:22] + (232).to_bytes(2, "little") + whole[24:])
    with pytest.raises(InputError, match="states 232 channels"):
        audio.probe(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(InputError, match=r"a\.wav: is not a file"):
        audio.probe(tmp_path / "a.wav")


# ---- samples beyond full scale ------------------------------------------------------------


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize(
    ("subtype", "factor", "level"),
    [
        ("FLOAT", 32_767.0, 0.2),  # in steps of 16 bit
        ("DOUBLE", 2.0**23, 0.2),
        ("FLOAT", 7.0, 1.0),  # beyond full scale by encoding or by normalising
        ("FLOAT", 1.0, 0.2),
    ],
)
def test_samples_beyond_full_scale_are_scaled(
    tmp_path: Path, subtype: str, factor: float, level: float, rate: int
) -> None:
    path = tmp_path / "a.wav"
    wave = 0.2 * np.sin(2 * np.pi * 220 * np.arange(rate) / rate)
    soundfile.write(path, factor * wave, rate, subtype=subtype)
    samples = audio.load(path)
    # Still a sine, whose mean square is half of its peak's.
    assert np.abs(samples).max() == pytest.approx(level, abs=0.01)
    assert np.sqrt((samples**2).mean()) == pytest.approx(level / np.sqrt(2), abs=0.01)


def test_a_click_does_not_make_the_clip_quiet(tmp_path: Path) -> None:
    wave = noise()
    wave[500] = 30.0
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    samples = audio.load(tmp_path / "a.wav")
    assert samples[500] == 1.0
    assert np.array_equal(np.delete(samples, 500), np.delete(wave, 500))


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_the_sum_of_channels_stays_within_full_scale(tmp_path: Path, layout: str) -> None:
    samples = audio.load(video(tmp_path / "a.mp4", layout=layout))
    # A tone of 0.3 in all channels is one of 0.3 in their mean.
    assert np.abs(samples[8_000:16_000]).max() == pytest.approx(0.3, abs=0.02)


# ---- files that break what reads them -----------------------------------------------------


def test_a_change_of_format_midway_is_read_through(tmp_path: Path) -> None:
    parts = [("stereo", 48_000), ("mono", 48_000), ("mono", 44_100), ("5.1", 48_000)]
    data = b""
    for number, (layout, rate) in enumerate(parts):
        part = video(tmp_path / f"{number}.aac", layout=layout, rate=rate)
        data += part.read_bytes()
    (tmp_path / "all.mp4").write_bytes(data)
    samples = audio.load(tmp_path / "all.mp4")
    seconds = sum(100 * 1024 / rate for _, rate in parts)
    assert len(samples) / 16_000 == pytest.approx(seconds, abs=0.2)
    assert np.abs(samples[-16_000:-8_000]).max() > 0.1


def test_sound_without_a_decoder_is_named(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", layout="stereo")
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"ac-4").replace(b"esds", b"free"))
    for read in (audio.probe, audio.load, audio.probe_track):
        with pytest.raises(InputError, match="sound of a kind that FFmpeg cannot decode"):
            read(path)
