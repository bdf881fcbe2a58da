"""Sound files: read the header, read samples as 16 kHz mono, and write wav files."""

from __future__ import annotations

import errno
import io
import math
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.io import decoder
from whyser.io.errors import InputError
from whyser.io.files import atomic_path

#: Qwen2-Audio's feature extractor takes 16 kHz mono.
SAMPLING_RATE = 16_000

#: It uses the first 30 s, as mel frames of 10 ms; a smaller model of its kind may use fewer.
WINDOW_S, MEL_HOP = 30.0, 160

_LFS_HEAD = b"version https://git-lfs"
# What libsndfile stores sample by sample, so that the size of the file bounds its length.
_PLAIN = {b"RIFF", b"RIFX", b"RF64", b"FORM", b"NIST"}
# A video, which begins as a wav does.
_AVI = b"AVI "
_STORED = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_BYTES = re.compile(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_COUNT = re.compile(r"does not match value from 'ds64' chunk of (\d+)|sample_count -i (\d+)")
_LENGTH_UNKNOWN = 0x7FFF_0000
# FFmpeg's resampler takes no more.
_MOST_CHANNELS = 64
# The head of a PCM wav that has nothing but its format and its samples.
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_USUAL = (b"RIFF", b"WAVE", b"fmt ", 16, 1, b"data")
_BITS = {8, 16, 24, 32}
# libsndfile's number of frames where a header states none.
_COUNTLESS = 1 << 62
# Normalised to a variance of 1, speech peaks at 5 to 20; 16-bit speech below 64 steps is silence.
_MOST_OVERSHOOT = 64
# Share of samples beyond full scale that is an encoder's overshoot, or a click.
_FEW_BEYOND = 0.01
_FETCH = "Fetch it, or convert with --no-audio."
_VIDEO_SUFFIXES = {".mp4", ".mkv", ".m4a"}


class LfsPointer(InputError):
    """A Git LFS pointer in place of sound: the whole copy of the corpus is not usable yet."""


Samples = npt.NDArray[np.float32]


def audio_tokens(frames: int, window: float = WINDOW_S) -> int:
    """Number of `<|AUDIO|>` tokens for this many samples at 16 kHz; `window` is in seconds.

    Source: docs/design.md, "What LLaMA-Factory does".

    >>> audio_tokens(30 * 16_000), audio_tokens(30 * 16_000, window=6), audio_tokens(320)
    (750, 150, 0)
    """
    heard = min(round(window * SAMPLING_RATE), frames)
    return mel_tokens(-(-heard // MEL_HOP))


def mel_tokens(mel: int) -> int:
    """Number of tokens for this many mel frames: the encoder has two strides of 2."""
    return max(0, ((mel - 1) // 2 + 1 - 2) // 2 + 1)


def resampled_frames(frames: int, rate: int, target: int = SAMPLING_RATE) -> int:
    """Number of samples that LLaMA-Factory's resampler returns for this many samples.

    Source: `torchaudio.functional.resample`, which rounds up in single precision, so that a very
    small fraction is lost.

    >>> resampled_frames(22_051, 22_050), resampled_frames(180_697, 44_100)
    (16001, 65559)
    >>> -(-180_697 * 16_000 // 44_100)
    65560
    """
    if rate == target:
        return frames
    common = math.gcd(rate, target)
    return math.ceil(np.float32((target // common) * frames / (rate // common)))


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file has: `duration` in seconds, `sampling_rate` in Hz.

    `loads` says whether libsndfile, with which training reads, finds the same length: it believes
    a header that states no length, or a wrong one.
    """

    frames: int
    sampling_rate: int
    channels: int
    loads: bool = True

    @property
    def duration(self) -> float:
        return self.frames / self.sampling_rate

    def tokens(self, window: float = WINDOW_S) -> int:
        """Number of tokens that a Qwen-type model needs for the clip; `window` is in seconds."""
        return audio_tokens(resampled_frames(self.frames, self.sampling_rate), window)

    @property
    def is_ready(self) -> bool:
        """Whether training can read the file as it is."""
        return self.sampling_rate == SAMPLING_RATE and self.channels == 1 and self.loads


def is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEO_SUFFIXES


def probe(path: Path) -> AudioInfo:
    """What the file has; only the header is read where the size of the file bounds its length.

    In other formats everything is decoded and counted (docs/design.md, "Sound").

    Raises: `InputError` for a missing, empty or half-copied file, a Git LFS pointer, no sound, and
        a file that crashes or stops the decoder.
    """
    with _file(path) as file:
        if (info := _usual_wav(file)) is not None:
            return info
        with _in_libsndfile(path, file) as sound:
            if sound is not None:
                return AudioInfo(sound.frames, sound.samplerate, sound.channels)
    return _counted(decoder.ask("count", path)[0])


def probe_track(path: Path) -> None:
    """Finds out whether a video has sound that can be decoded, without decoding it.

    Raises: `InputError` as `probe` does.
    """
    with _opened(path) as sound:
        if sound is None:
            decoder.ask("open", path)


def _counted(facts: dict[str, Any]) -> AudioInfo:
    frames, rate, stated = facts["frames"], facts["rate"], facts["stated"]
    loads = stated is not None and abs(stated - frames) <= tolerance(frames, rate)
    # Where the two agree, training gets what libsndfile gives, which stops at what is stated.
    return AudioInfo(min(stated, frames) if loads else frames, rate, facts["channels"], loads)


def tolerance(frames: int, rate: int) -> float:
    """Frames by which two lengths may differ: 0.1 s, and no more than 5 % of a short clip.

    >>> tolerance(16_000, 16_000), tolerance(64_000, 16_000)
    (800.0, 1600.0)
    """
    return min(0.1 * rate, 0.05 * frames)


@dataclass(frozen=True, slots=True)
class _File:
    """An open file, its size in bytes, and its first bytes."""

    handle: int
    size: int
    start: bytes


@contextmanager
def _file(path: Path) -> Iterator[_File]:
    """Opens a file here, since libsndfile believes the suffixes of a name."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        raise _why_unreadable(path) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _why_unreadable(path)
        start = os.pread(handle, 1024, 0)
        if not start or start.startswith(_LFS_HEAD):
            raise _why_unreadable(path)
        yield _File(handle, status.st_size, start)
    except OSError:
        raise _why_unreadable(path) from None
    finally:
        os.close(handle)


def _usual_wav(file: _File) -> AudioInfo | None:
    """What a PCM wav has whose every number agrees with the size of the file; None for all others.

    Almost all corpora consist of such files, and libsndfile takes several times as long to say the
    same.
    """
    if len(file.start) < _HEAD.size:
        return None
    riff, whole, *kinds, channels, rate, a_second, a_frame, bits, data, size = _HEAD.unpack_from(
        file.start
    )
    lowest, highest = decoder.RATES
    is_usual = (
        (riff, *kinds, data) == _USUAL
        and (whole, size) == (file.size - 8, file.size - _HEAD.size)
        and lowest <= rate <= highest
        and 0 < channels <= _MOST_CHANNELS
        and bits in _BITS
        and (a_frame, a_second) == (channels * bits // 8, rate * a_frame)
        and size > 0 == size % a_frame
    )
    return AudioInfo(size // a_frame, rate, channels) if is_usual else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The sound as `_in_libsndfile` gives it."""
    with _file(path) as file, _in_libsndfile(path, file) as sound:
        yield sound


@contextmanager
def _in_libsndfile(path: Path, file: _File) -> Iterator[Any]:
    """The sound as libsndfile opens it; None if it is to be decoded elsewhere.

    That is what is not stored sample by sample: there a header can state any length, and a decoder
    may crash.
    """
    import soundfile

    if file.start[:4] not in _PLAIN or file.start[8:12] == _AVI:
        yield None
        return
    try:
        with soundfile.SoundFile(file.handle, closefd=False) as sound:
            if sound.subtype.startswith(_STORED):
                _refuse_wrong(path, sound, file.start)
                yield sound
                return
    except soundfile.LibsndfileError:
        raise _why_unreadable(path) from None
    yield None


def _refuse_wrong(path: Path, sound: Any, start: bytes) -> None:
    """A half-copied wav can be read without an error; only libsndfile's header log shows it."""
    lowest, highest = decoder.RATES
    if not lowest <= sound.samplerate <= highest:
        what = f"has a header that states a sampling rate of {sound.samplerate:,} Hz"
        raise _unusable(path, what)
    if sound.channels > _MOST_CHANNELS:
        raise _unusable(path, f"has a header that states {sound.channels:,} channels")
    present, promised, unit = _promise(sound, start)
    missing = (promised - present) / max(present, 1) * sound.frames
    if missing > tolerance(sound.frames, sound.samplerate):
        what = f"is cut short: it has {present:,} of {promised:,} {unit} of sound"
        raise _unusable(path, what)
    if sound.frames == 0:
        raise _unusable(path, "contains no samples")


def _promise(sound: Any, start: bytes) -> tuple[int, int, str]:
    """What is there, what the header promises, and their unit."""
    # libsndfile does not log the header of NIST, which is text.
    log = start.decode("latin-1") if start.startswith(b"NIST") else sound.extra_info
    if found := _BYTES.search(log):
        promised, present = int(found[1]), int(found[2])
        # A stream that was written without a known length has the largest number.
        return present, promised if promised < _LENGTH_UNKNOWN else present, "bytes"
    found = _COUNT.search(log)
    return sound.frames, int(found[1] or found[2]) if found else sound.frames, "samples"


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is a placeholder from a clone without Git LFS."""
    with path.open("rb") as stream:
        return stream.read(len(_LFS_HEAD)) == _LFS_HEAD


def _unusable(path: Path, what: str) -> InputError:
    return InputError(what, file=path, cure="Fetch the file again.")


def _why_unreadable(path: Path) -> InputError:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return InputError("is not a file", file=path, cure=_FETCH)
        if not status.st_size:
            return _unusable(path, "is empty (0 bytes)")
        if is_lfs_pointer(path):
            cure = "Run 'git lfs pull' in a git clone of the corpus. If there is none, or its LFS "
            cure += "budget is spent, fetch the sound from the authors' release or mirror."
            return LfsPointer("is a Git LFS pointer, not sound", file=path, cure=cure)
    except FileNotFoundError:
        other = path.with_suffix(path.suffix.upper())
        cure = f"Rename {other.name}." if other.is_file() else _FETCH
        return InputError("no such sound file", file=path, cure=cure)
    except OSError as error:
        # No permission for this file, a loop of links, or a disk that cannot read it.
        what = f"cannot be read ({error.strerror})"
        return InputError(what, file=path, cure="Fix its permissions, or fetch it again.")
    return _unusable(path, "is not a readable sound file")


def load(path: Path, start: float = 0.0, end: float | None = None) -> Samples:
    """Samples in [-1, 1] as 16 kHz mono, shape (frames,): from `start` to `end`, in seconds.

    Channels are averaged; what has to be decoded is mixed down as `ffmpeg -ac 1 -ar 16000` does.
    Samples beyond full scale, which float formats and lossy ones can hold, are scaled, or cut off
    if they are few.

    Raises: `InputError` as `probe` does, and for NaN or infinite samples.
    """
    with _opened(path) as sound:
        rate = SAMPLING_RATE if sound is None else sound.samplerate
        first, last = round(start * rate), None if end is None else math.ceil(end * rate)
        samples = None
        if sound is not None:
            sound.seek(min(first, sound.frames))
            frames = -1 if last is None else last - first
            samples = sound.read(frames, dtype="float32", always_2d=True)
    mono = _decoded(path, last)[first:] if samples is None else samples.mean(axis=1)
    if not len(mono):
        raise _unusable(path, f"has no sound from {start:g} s on")
    scaled = _within_full_scale(path, mono)
    if rate == SAMPLING_RATE:
        return scaled
    import soxr

    resampled: Samples = soxr.resample(scaled, rate, SAMPLING_RATE)
    return resampled


def _decoded(path: Path, most: int | None) -> Samples:
    """The first samples of what libsndfile does not read, as 16 kHz mono."""
    samples: Samples | None = decoder.ask("load", path, most=most)[1]
    if samples is None:
        raise _unusable(path, "contains no samples")
    return samples


def _within_full_scale(path: Path, samples: Any) -> Samples:
    peak = max(-float(samples.min()), float(samples.max()))
    # A converter's division by zero can leave these in a float format.
    if not math.isfinite(peak):
        raise _unusable(path, "contains NaN or infinite samples")
    if peak <= 1:
        within: Samples = samples
        return within
    # One click must not make the rest of the clip quiet; cutting off so little cannot be heard.
    beyond = float((np.abs(samples) > 1).mean())
    scale = full_scale(peak) if beyond > _FEW_BEYOND else 1.0
    scaled: Samples = np.clip(samples / scale, -1, 1).astype(np.float32)
    return scaled


def full_scale(peak: float) -> float:
    """The full scale of float samples with this peak, which should be 1.

    A small peak is that of an encoder's overshoot or of a normalised wave, and is full scale. A
    large one shows that the samples are in steps of 16, 24 or 32 bit, which keep their level.

    >>> full_scale(1.4), full_scale(6_500.0), full_scale(2_000_000.0)
    (1.4, 32768.0, 8388608.0)
    """
    if peak <= _MOST_OVERSHOOT:
        return max(peak, 1.0)
    return max(peak, next((2.0**bits for bits in (15, 23, 31) if peak <= 2.0**bits), peak))


def read(path: Path, *, exact: bool = False) -> tuple[AudioInfo, npt.NDArray[Any]]:
    """All samples as training reads them, shape (frames, channels), in the file's own rate.

    Integer formats give int16, which is fastest, and float formats float32, which may hold NaN;
    `exact` gives float64, which holds every sample of 32 bit or less.

    Raises: `InputError` as `probe` does, and if libsndfile reads another length than there is.
    """
    with _opened(path) as sound:
        if sound is not None:
            info = AudioInfo(sound.frames, sound.samplerate, sound.channels)
            kind = "float64" if exact else decoder.sample_type(sound.subtype)
            return info, sound.read(dtype=kind, always_2d=True)
    facts, samples = decoder.ask("read exactly" if exact else "read", path)
    return _agreeing(path, _counted(facts), facts["stated"], samples)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The samples that training reads as a `soundfile.SoundFile`, for reading a part of them.

    Raises: `InputError` as `read` does.
    """
    import soundfile

    with _opened(path) as sound:
        if sound is not None:
            yield sound
            return
    info, samples = read(path, exact=True)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, info.sampling_rate, format="WAV", subtype="DOUBLE")
    buffer.seek(0)
    with soundfile.SoundFile(buffer) as sound:
        yield sound


def _agreeing(
    path: Path, info: AudioInfo, stated: int, samples: Any
) -> tuple[AudioInfo, npt.NDArray[Any]]:
    has = f"has {info.duration:.2f} s of sound, and"
    if not info.loads:
        states = f"{stated / info.sampling_rate:.2f} s" if stated < _COUNTLESS else "no length"
        what = f"{has} its header states {states}, which LLaMA-Factory believes"
        raise InputError(what, file=path, cure="Convert it to wav.")
    if info.frames - len(samples) > tolerance(info.frames, info.sampling_rate):
        what = f"{has} LLaMA-Factory reads only {len(samples) / info.sampling_rate:.2f} s"
        raise _unusable(path, what)
    return info, samples


def write(path: Path, samples: Samples) -> None:
    """Writes a 16 kHz mono PCM16 wav, atomically; `OSError` if the disk does not allow it."""
    import soundfile

    with atomic_path(path) as temporary:
        try:
            soundfile.write(str(temporary), samples, SAMPLING_RATE, subtype="PCM_16", format="WAV")
        except soundfile.LibsndfileError as error:
            what = f"cannot be written, is the disk full? ({error})"
            raise OSError(errno.EIO, what, str(path)) from None


def silence(duration: float, folder: Path) -> Path:
    """Writes this many seconds of digital silence as a 16 kHz mono wav into the folder.

    The length is rounded up to a mel frame of 10 ms, the resolution of the models, so that clips of
    about the same length share a file.
    """
    frames = max(1, math.ceil(round(duration * SAMPLING_RATE / MEL_HOP, 6))) * MEL_HOP
    path = folder / f"silence_{frames}.wav"
    if not path.exists():
        write(path, np.zeros(frames, dtype=np.float32))
    return path
