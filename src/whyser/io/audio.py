"""Sound files: probed by header, read as 16 kHz mono, written once where they are not."""

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

#: Of its first 30 s it sees 3,000 mel frames of 10 ms.
MEL_FRAMES, MEL_HOP = 3000, 160

_LFS_HEAD = b"version https://git-lfs"
_CUT_SHORT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFF_0000
# Share of a track's packets, of some 20 ms each; with more the clip is not what was said.
_MOST_BROKEN = 0.05
_FETCH = "Fetch it, or convert with --no-audio."
_FETCH_AGAIN = "Fetch the file again."
_VIDEO_SUFFIXES = {".mp4", ".mkv", ".m4a"}


class LfsPointer(InputError):
    """A Git LFS pointer where sound should be: the whole copy is of no use yet."""


Samples = npt.NDArray[np.float32]


def audio_tokens(frames: int) -> int:
    """`<|AUDIO|>` tokens of a clip of that many samples at 16 kHz.

    Source: docs/design.md, "What LLaMA-Factory does".

    >>> audio_tokens(30 * 16_000), audio_tokens(320)
    (750, 0)
    """
    return mel_tokens(min(MEL_FRAMES, -(-frames // MEL_HOP)))


def mel_tokens(mel: int) -> int:
    """Tokens of so many mel frames: two strides of 2, as the encoder's convolutions have them."""
    return max(0, ((mel - 1) // 2 + 1 - 2) // 2 + 1)


def resampled_frames(frames: int, rate: int, target: int = SAMPLING_RATE) -> int:
    """Samples that LLaMA-Factory's resampler makes of a clip of that many.

    Source: `torchaudio.functional.resample`, which rounds up, but in single precision: what
    exceeds a whole number by too little does not count.

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
    """What a header says: `duration` in seconds, `sampling_rate` in Hz."""

    frames: int
    sampling_rate: int
    channels: int

    @property
    def duration(self) -> float:
        return self.frames / self.sampling_rate

    @property
    def tokens(self) -> int:
        """What the clip costs a Qwen-type model."""
        return audio_tokens(resampled_frames(self.frames, self.sampling_rate))

    @property
    def is_ready(self) -> bool:
        """Whether training can read the file as it is."""
        return self.sampling_rate == SAMPLING_RATE and self.channels == 1


def is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEO_SUFFIXES


def probe(path: Path) -> AudioInfo:
    """Reads the header alone.

    Raises: `InputError` for a missing, empty or half-copied file, a Git LFS pointer, or no sound.
    """
    import soundfile

    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError):
        raise _why_unreadable(path) from None
    if info.frames == 0:
        raise InputError("holds no samples", file=path, cure=_FETCH_AGAIN)
    _refuse_cut_short(path, info.extra_info)
    return AudioInfo(info.frames, info.samplerate, info.channels)


def _refuse_cut_short(path: Path, header_log: str) -> None:
    """A half-copied wav reads without complaint; only libsndfile's log of the header tells."""
    found = _CUT_SHORT.search(header_log)
    if found is None:
        return
    promised, present = int(found[1]), int(found[2])
    # A stream that was written without knowing its length promises the largest number.
    if present < promised < _LENGTH_UNKNOWN:
        raise InputError(
            f"is cut short: {present:,} of {promised:,} bytes of sound are there",
            file=path,
            cure=_FETCH_AGAIN,
        )


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is what a clone without Git LFS has in place of the real one."""
    with path.open("rb") as stream:
        return stream.read(len(_LFS_HEAD)) == _LFS_HEAD


def _why_unreadable(path: Path) -> InputError:
    try:
        return _fault_of(path)
    except OSError as error:
        # Of one file: no permission, or a disk that cannot read it.
        what = f"cannot be read ({error.strerror})"
        return InputError(what, file=path, cure="Mend its permissions, or fetch it again.")


def _fault_of(path: Path) -> InputError:
    if not path.is_file():
        other = path.with_suffix(path.suffix.upper())
        cure = f"It is there as {other.name}: rename it." if other.is_file() else _FETCH
        return InputError("no such sound file", file=path, cure=cure)
    if not path.stat().st_size:
        return InputError("is empty (0 bytes)", file=path, cure=_FETCH_AGAIN)
    if is_lfs_pointer(path):
        return LfsPointer(
            "is a Git LFS pointer, not sound",
            file=path,
            cure="Run 'git lfs pull' in the corpus folder.",
        )
    return InputError("is not a readable sound file", file=path, cure=_FETCH_AGAIN)


def load(path: Path) -> Samples:
    """Samples in [-1, 1] as 16 kHz mono, shape (frames,); channels are averaged.

    Raises: `InputError` as `probe` does, and for samples that are no numbers.
    """
    import soundfile

    if is_video(path):
        return _load_video(path)
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError):
        raise _why_unreadable(path) from None
    if not len(samples):
        raise InputError("holds no samples", file=path, cure=_FETCH_AGAIN)
    mono: Samples = samples.mean(axis=1)
    # A format of floats holds what a converter's division by zero left.
    if not np.isfinite(mono).all():
        raise InputError("holds samples that are no numbers", file=path, cure=_FETCH_AGAIN)
    if rate == SAMPLING_RATE:
        return mono
    import soxr

    resampled: Samples = soxr.resample(mono, rate, SAMPLING_RATE)
    return resampled


def _load_video(path: Path) -> Samples:
    """The sound track through FFmpeg's own down-mix, as `ffmpeg -ac 1 -ar 16000` would give."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLING_RATE)
    blocks: list[Any] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError("has no sound track", file=path, cure=_FETCH_AGAIN)
            for frame in _decoded(container, path):
                blocks += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        blocks += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.FFmpegError, OSError):
        raise _why_unreadable(path) from None
    if not blocks:
        raise InputError("holds no samples", file=path, cure=_FETCH_AGAIN)
    samples: Samples = np.concatenate(blocks).astype(np.float32, copy=False)
    return samples


def _decoded(container: Any, path: Path) -> Iterator[Any]:
    """Frames of the first sound track; like FFmpeg's command, a broken packet is passed over."""
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
        raise InputError(
            f"{broken:,} of {packets:,} sound packets cannot be decoded",
            file=path,
            cure=_FETCH_AGAIN,
        )


def write(path: Path, samples: Samples) -> None:
    """A 16 kHz mono PCM16 wav, written atomically.

    Raises: `OSError` when it cannot be, which is no fault of the sound.
    """
    import soundfile

    with atomic_path(path) as temporary:
        try:
            soundfile.write(str(temporary), samples, SAMPLING_RATE, subtype="PCM_16", format="WAV")
        except soundfile.LibsndfileError as error:
            what = f"cannot be written, is the disk full? ({error})"
            raise OSError(errno.EIO, what, str(path)) from None


def silence(duration: float, folder: Path) -> Path:
    """A 16 kHz mono wav of digital silence, so many seconds long, in the folder.

    Rounded up to a mel frame of 10 ms, which is finer than any model hears, so that clips of one
    length share a file.
    """
    frames = max(1, math.ceil(round(duration * SAMPLING_RATE / MEL_HOP, 6))) * MEL_HOP
    path = folder / f"silence_{frames}.wav"
    if not path.exists():
        write(path, np.zeros(frames, dtype=np.float32))
    return path
