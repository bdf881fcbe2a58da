"""The process in which `whyser.io.decoder` has files decoded: a crash or a hang costs one file.

It reads requests from its standard input and writes results to its standard output. FFmpeg decodes
and counts, because libsndfile stops at the length that a header states. libsndfile is asked what it
finds, because training reads with it.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

from whyser.io.decoder import HEAD, RATES, sample_type

SAMPLING_RATE = 16_000

# Playlists and scripts, which FFmpeg reads too, would open other files and addresses.
_FORMATS = (
    "aac,aiff,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,"
    "nistsphere,ogg,w64,wav"
)
# Formats in whose header FFmpeg reads the length; for others it guesses it from the bit rate.
_STATES_LENGTH = {"aiff", "flac", "matroska", "mov"}

# Largest accepted share of broken packets in a track; a packet holds about 20 ms.
_MOST_BROKEN = 0.05
#: Seconds. Encoders differ by a packet or two about where a track begins and ends.
_PACKETS = 0.15
# More than an hour at 16 kHz, and 256 MB: a few bytes may unpack to any length.
_MOST_SAMPLES = 1 << 26
# Bytes of addresses; a header that asks for more costs its file.
_MOST_MEMORY = 4 << 30

_XING = re.compile(rb"Xing|Info")
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_FETCH = "Fetch the file again."


class Refused(Exception):
    """What is wrong with the file, and the cure."""

    def __init__(self, what: str, cure: str = _FETCH) -> None:
        super().__init__(what, cure)


class SoundDecoding:
    """One pass of FFmpeg over the sound of a file; `rate` and `channels` are the first frame's."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.rate = self.channels = 0
        self.seconds = 0.0

    def opened(self) -> Any:
        """The container.

        Raises: `Refused` if it has no sound track, or one that FFmpeg cannot decode.
        """
        try:
            container = av.open(self.file, options={"format_whitelist": _FORMATS})
        except av.EOFError:
            raise Refused("is cut short: it ends before its sound begins") from None
        except av.FFmpegError:
            raise Refused("is not a readable sound file") from None
        if not container.streams.audio:
            raise Refused("has no sound track")
        # PyAV gives no context for these, and following it would be a segmentation fault.
        if container.streams.audio[0].codec_context is None:
            cure = "Fetch it again; if it is whole, convert it with a program that knows its codec."
            raise Refused("has sound of a kind that FFmpeg cannot decode", cure)
        return container

    def frames(self) -> Iterator[Any]:
        """All frames; broken packets are skipped, as FFmpeg's command does.

        Raises: `Refused` at the end, if too much is broken or missing.
        """
        broken = packets = 0
        with self.opened() as container:
            promised = _promised(container)
            for packet in container.demux(audio=0):
                packets += 1
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    broken += 1
                    continue
                for frame in frames:
                    self._count(frame)
                    yield frame
        self._refuse_cut_short(promised, broken / max(packets, 1))
        if broken > packets * _MOST_BROKEN:
            raise Refused(f"{broken:,} of {packets:,} sound packets cannot be decoded")
        if not self.seconds:
            raise Refused("contains no samples")

    def _count(self, frame: Any) -> None:
        self.rate = self.rate or frame.sample_rate
        self.channels = self.channels or frame.layout.nb_channels
        refuse_rate(frame.sample_rate)
        self.seconds += frame.samples / frame.sample_rate

    def _refuse_cut_short(self, promised: float | None, broken: float) -> None:
        """`promised` in seconds; `broken` is the share of packets that are there and broken."""
        if promised is not None:
            missing = promised * (1 - broken) - self.seconds
            if missing > max(_PACKETS, _MOST_BROKEN * promised):
                has = f"it has {self.seconds:,.2f} of {promised:,.2f} s of sound"
                raise Refused(f"is cut short: {has}")
        self.file.seek(0)
        start = self.file.read(4)
        # A FLAC states no length or the true one; FFmpeg decodes a broken frame twice.
        if start == b"fLaC" and promised and self.seconds - promised > _PACKETS:
            what = f"has a header that states {promised:,.2f} s of sound, and has"
            raise Refused(f"{what} {self.seconds:,.2f} s")
        if start == b"OggS" and not _ends_as_ogg(self.file):
            raise Refused("is cut short: the last page of its Ogg stream is missing")
        if (expected := _bytes_of_mp3(self.file)) is not None:
            present, promised_bytes = expected
            if present < promised_bytes * (1 - _MOST_BROKEN):
                has = f"it has {present:,} of {promised_bytes:,} bytes of sound"
                raise Refused(f"is cut short: {has}")


def refuse_rate(rate: int) -> None:
    lowest, highest = RATES
    if not lowest <= rate <= highest:
        raise Refused(f"has a header that states a sampling rate of {rate:,} Hz")


def _promised(container: Any) -> float | None:
    """Seconds of sound that the header states; None if it states none."""
    if container.format.name.partition(",")[0] not in _STATES_LENGTH:
        return None
    track = container.streams.audio[0]
    if track.duration is not None:
        return float(track.duration * track.time_base)
    if clock := _CLOCK.match(track.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(float, clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    # Of a container without a length for each track, the pictures may be what is longest.
    only_sound = len(container.streams) == 1
    return container.duration / av.time_base if container.duration and only_sound else None


def _ends_as_ogg(file: FileIO) -> bool:
    """Whether the last page is whole and marked as the last one (RFC 3533, 6)."""
    size = file.seek(0, os.SEEK_END)
    # A page has at most 65,307 bytes.
    file.seek(max(0, size - (1 << 17)))
    end = file.read()
    page = end.rfind(b"OggS")
    header = end[page : page + 27]
    if page < 0 or len(header) < 27:
        return False
    lengths = end[page + 27 : page + 27 + header[26]]
    whole = len(lengths) == header[26] and page + 27 + len(lengths) + sum(lengths) <= len(end)
    return whole and bool(header[5] & 4)


def _bytes_of_mp3(file: FileIO) -> tuple[int, int] | None:
    """Bytes that an MP3 has, and those that its Xing header states; None if it has no header."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head, start = file.read(10), 0
    if head[:3] == b"ID3" and len(head) == 10:
        # Seven bits a byte.
        start = 10 + functools.reduce(lambda size, byte: size << 7 | byte & 127, head[6:], 0)
    file.seek(start)
    frame = file.read(256)
    found = _XING.search(frame)
    if frame[:1] != b"\xff" or not found:
        return None
    fields = frame[found.end() :]
    flags = int.from_bytes(fields[:4], "big")
    place = 8 if flags & 1 else 4
    return (size - start, int.from_bytes(fields[place : place + 4], "big")) if flags & 2 else None


class ForwardSound(soundfile.SoundFile):  # type: ignore[misc]
    """Never seeks, which fails where a header states no length or a wrong one."""

    def seekable(self) -> bool:
        return False


Result = tuple[dict[str, Any], npt.NDArray[Any] | None]


def open_track(file: FileIO) -> Result:
    """Finds out whether there is sound that FFmpeg can decode."""
    with SoundDecoding(file).opened():
        return {}, None


def count(file: FileIO) -> Result:
    """Decodes everything; `stated` is the number of frames that libsndfile would read."""
    decoding = SoundDecoding(file)
    for _ in decoding.frames():
        pass
    stated = None
    file.seek(0)
    with (
        suppress(soundfile.LibsndfileError),
        ForwardSound(file.fileno(), closefd=False) as sound,
    ):
        stated = sound.frames
    frames = round(decoding.seconds * decoding.rate)
    facts = {"frames": frames, "rate": decoding.rate, "channels": decoding.channels}
    return {**facts, "stated": stated}, None


class Mixdown:
    """FFmpeg's filter from frames of one format to 16 kHz mono, as `ffmpeg -ac 1 -ar 16000`."""

    def __init__(self, frame: Any) -> None:
        self._graph = av.filter.Graph()
        given = {
            "sample_rate": frame.sample_rate,
            "sample_fmt": frame.format.name,
            "channel_layout": frame.layout.name,
            "time_base": f"1/{frame.sample_rate}",
        }
        nodes = [
            self._graph.add("abuffer", ":".join(f"{key}={one}" for key, one in given.items())),
            # Without the limit a sum of channels in floats goes beyond full scale.
            self._graph.add("aresample", f"{SAMPLING_RATE}:rematrix_maxval=1"),
            self._graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"),
            self._graph.add("abuffersink"),
        ]
        for one, next_one in itertools.pairwise(nodes):
            one.link_to(next_one)
        self._graph.configure()

    def mixed(self, frame: Any) -> Iterator[npt.NDArray[np.float32]]:
        """The samples that are ready after this frame; after None, which is the end, the rest."""
        if frame is not None:
            # Times with gaps and jumps would make the filter drop samples.
            frame.pts = None
        self._graph.push(frame)
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                yield self._graph.pull().to_ndarray()[0]


def load(file: FileIO, most: int | None = None) -> Result:
    """16 kHz mono, across changes of format too: the first `most` samples.

    The rest is decoded as well, because its end shows whether the file is whole, but not kept.
    """
    blocks: list[Any] = []
    length = 0
    for block in _mixed(SoundDecoding(file).frames()):
        if most is not None and length >= most:
            continue
        blocks.append(block)
        length += len(block)
        if length > _MOST_SAMPLES:
            raise Refused(f"is longer than {_MOST_SAMPLES // SAMPLING_RATE:,} s")
    if not length:
        raise Refused("contains no samples")
    return {}, np.concatenate(blocks)[:most].astype(np.float32, copy=False)


def _mixed(frames: Iterator[Any]) -> Iterator[npt.NDArray[np.float32]]:
    form: object = None
    mixdown: Mixdown | None = None
    for frame in frames:
        this = (frame.format.name, frame.layout.name, frame.sample_rate)
        if this != form:
            if mixdown:
                yield from mixdown.mixed(None)
            form, mixdown = this, Mixdown(frame)
        assert mixdown is not None
        yield from mixdown.mixed(frame)
    if mixdown:
        yield from mixdown.mixed(None)


def read(file: FileIO, *, exact: bool = False) -> Result:
    """The samples that libsndfile reads, of all channels, in the file's own form."""
    facts, _ = count(file)
    file.seek(0)
    blocks, length = [], 0
    try:
        with ForwardSound(file.fileno(), closefd=False) as sound:
            kind = "float64" if exact else sample_type(sound.subtype)
            while len(block := sound.read(1 << 16, dtype=kind, always_2d=True)):
                blocks.append(block)
                length += block.size
                if length > _MOST_SAMPLES:
                    raise Refused(f"has more than {_MOST_SAMPLES:,} samples")
    except soundfile.LibsndfileError as error:
        # torchaudio 2.8 reads with it.
        raise Refused(f"cannot be read by LLaMA-Factory ({error})", "Convert it to wav.") from None
    if not blocks:
        raise Refused("contains no samples")
    return facts, np.concatenate(blocks)


#: Each takes a file, and what else the request has.
OPERATIONS: dict[str, Callable[..., Result]] = {
    "open": open_track,
    "count": count,
    "load": load,
    "read": read,
    "read exactly": lambda file: read(file, exact=True),
}


def perform(request: dict[str, Any]) -> Result:
    """Raises nothing: what goes wrong is described under `refused`."""
    try:
        # Without a buffer, because libsndfile reads on from where the file itself is.
        path = Path(os.fsdecode(bytes.fromhex(request["path"])))
        with path.open("rb", buffering=0) as file:
            return OPERATIONS[request["operation"]](file, **request["options"])
    except Refused as refused:
        return {"refused": refused.args}, None
    except Exception as error:
        # Whatever a library raises is about this file, and the next one may be well.
        said = str(error) or type(error).__name__
        return {"refused": (f"cannot be decoded ({said})", _FETCH)}, None


def main() -> None:
    results = os.fdopen(os.dup(1), "wb")
    # What a library prints must not come between the results.
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, most))
    av.logging.set_level(None)
    results.write(HEAD.pack(0, 0))
    results.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # The kernel ends this process then, whatever a library is doing.
        signal.alarm(request["seconds"])
        facts, samples = perform(request)
        signal.alarm(0)
        data = b"" if samples is None else np.ascontiguousarray(samples).tobytes()
        if samples is not None:
            facts |= {"type": samples.dtype.str, "shape": samples.shape}
        described = json.dumps(facts).encode()
        results.write(HEAD.pack(len(described), len(data)) + described)
        results.write(data)
        results.flush()


if __name__ == "__main__":
    main()
