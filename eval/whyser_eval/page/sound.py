"""A sound as a browser plays it, without whatever else its file told."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

#: Container, and the media type that a data URL names.
_CONTAINERS = {"MP3": "audio/mpeg", "WAV": "audio/wav"}


@dataclass(frozen=True)
class EncodedSound:
    """`suffix` as in `.mp3`; `mime` is the media type; `duration` in seconds."""

    content: bytes
    suffix: str
    mime: str
    duration: float


def encoded(path: Path) -> EncodedSound | None:
    """The samples as MP3, or as WAV where the sound library writes no MP3; None if unreadable.

    Names and comments of the source's header stay behind.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(str(path), dtype="float32")
    except (soundfile.LibsndfileError, OSError):
        return None
    for container, mime in _CONTAINERS.items():
        buffer = io.BytesIO()
        try:
            soundfile.write(buffer, samples, rate, format=container)
        except (soundfile.LibsndfileError, ValueError):
            continue
        duration = len(samples) / rate
        return EncodedSound(buffer.getvalue(), f".{container.lower()}", mime, duration)
    return None
