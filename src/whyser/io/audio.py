"""Sound files: read the header, read samples as 16 kHz mono, and write wav files."""

from __future__ import annotations

import errno
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whyser.io.errors import InputError
from whyser.io.files import atomic_path

#: Qwen2-Audio's feature extractor takes 16 kHz mono.
SAMPLING_RATE = 16_000

#: It uses the first 30 s, which are 3,000 mel frames of 10 ms.
MEL_FRAMES, MEL_HOP = 3000, 160

_LFS_HEAD = b"version https://git-lfs"
_CUT_SHORT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFF_0000
# Largest accepted share of broken packets in a track; a packet holds about 20 ms.
_MOST_BROKEN = 0.05
_FETCH = "Fetch it, or convert with --no-audio."
_VIDEO_SUFFIXES = {".mp4", ".mkv", ".m4a"}


class LfsPointer(InputError):
    """A Git LFS pointer in place of sound: the whole copy of the corpus is not usable yet."""


Samples = npt.NDArray[np.float32]


def audio_tokens(frames: int) -> int:
    """Number of `<|AUDIO|>` tokens for this many samples at 16 kHz.

    Source: docs/design.md, "What LLaMA-Factory does".

    >>> audio_tokens(30 * 16_000), audio_tokens(320)
    (750, 0)
    """
    return mel_tokens(min(MEL_FRAMES, -(-frames // MEL_HOP)))


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
    """The content of a header: `duration` in seconds, `sampling_rate` in Hz."""

    frames: int
    sampling_rate: int
    channels: int

    @property
    def duration(self) -> float:
        return self.frames / self.sampling_rate

    @property
    def tokens(self) -> int:
        """Number of tokens that a Qwen-type model needs for the clip."""
        return audio_tokens(resampled_frames(self.frames, self.sampling_rate))

    @property
    def is_ready(self) -> bool:
        """Whether training can read the file as it is."""
        return self.sampling_rate == SAMPLING_RATE and self.channels == 1


def is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEO_SUFFIXES


def probe(path: Path) -> AudioInfo:
    """Reads only the header.

    Raises: `InputError` for a missing, empty or half-copied file, a Git LFS pointer, or no sound.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError):
        raise _why_unreadable(path) from None
    if info.frames == 0:
        raise _unusable(path, "contains no samples")
    _refuse_cut_short(path, info.extra_info)
    return AudioInfo(info.frames, info.samplerate, info.channels)


def _refuse_cut_short(path: Path, header_log: str) -> None:
    """A half-copied wav can be read without an error; only libsndfile's header log shows it."""
    if found := _CUT_SHORT.search(header_log):
        promised, present = int(found[1]), int(found[2])
        # A stream that was written without a known length has the largest number.
        if present < promised < _LENGTH_UNKNOWN:
            raise _unusable(
                path, f"is cut short: it has {present:,} of {promised:,} bytes of sound"
            )


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is a placeholder from a clone without Git LFS."""
    with path.open("rb") as stream:
        return stream.read(len(_LFS_HEAD)) == _LFS_HEAD


def _unusable(path: Path, what: str) -> InputError:
    return InputError(what, file=path, cure="Fetch the file again.")


def _why_unreadable(path: Path) -> InputError:
    try:
        if not path.is_file():
            other = path.with_suffix(path.suffix.upper())
            cure = f"Rename {other.name}." if other.is_file() else _FETCH
            return InputError("no such sound file", file=path, cure=cure)
        if not path.stat().st_size:
            return _unusable(path, "is empty (0 bytes)")
        if is_lfs_pointer(path):
            cure = "Run 'git lfs pull' in a git clone of the corpus. If there is none, or its LFS "
            cure += "budget is spent, fetch the sound from the authors' release or mirror."
            return LfsPointer("is a Git LFS pointer, not sound", file=path, cure=cure)
    except OSError as error:
        # No permission for this file, or a disk that cannot read it.
        what = f"cannot be read ({error.strerror})"
        return InputError(what, file=path, cure="Fix its permissions, or fetch it again.")
    return _unusable(path, "is not a readable sound file")


def load(path: Path) -> Samples:
    """Samples in [-1, 1] as 16 kHz mono, shape (frames,); channels are averaged.

    Raises: `InputError` as `probe` does, and for NaN or infinite samples.
    """
    import soundfile

    if is_video(path):
        return _load_video(path)
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError):
        raise _why_unreadable(path) from None
    if not len(samples):
        raise _unusable(path, "contains no samples")
    mono: Samples = samples.mean(axis=1)
    # A converter's division by zero can leave these in a float format.
    if not np.isfinite(mono).all():
        raise _unusable(path, "contains NaN or infinite samples")
    if rate == SAMPLING_RATE:
        return mono
    import soxr

    resampled: Samples = soxr.resample(mono, rate, SAMPLING_RATE)
    return resampled


def _load_video(path: Path) -> Samples:
    """The sound track, mixed down by FFmpeg as `ffmpeg -ac 1 -ar 16000` does."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLING_RATE)
    blocks: list[Any] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise _unusable(path, "has no sound track")
            for frame in _decoded(container, path):
                blocks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        blocks += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.FFmpegError, OSError):
        raise _why_unreadable(path) from None
    if not blocks:
        raise _unusable(path, "contains no samples")
    samples: Samples = np.concatenate(blocks).astype(np.float32, copy=False)
    return samples


def _decoded(container: Any, path: Path) -> Iterator[Any]:
    """Frames of the first sound track; broken packets are skipped, as FFmpeg's command does."""
    import av

    broken = packets = 0
    for packet in container.demux(audio=0):
        packets += 1
        try:
            frames = packet.decode()
        except av.FFmpegError:
            broken += 1
            continue
        yield from frames
    if broken > packets * _MOST_BROKEN:
        raise _unusable(path, f"{broken:,} of {packets:,} sound packets cannot be decoded")


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
