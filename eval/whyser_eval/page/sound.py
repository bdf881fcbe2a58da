"""Audio in a format that browsers play, without the metadata of its file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from whyser.io import audio
from whyser.io.errors import InputError

#: Container -> media type of a data URL.
_CONTAINERS = {"MP3": "audio/mpeg", "WAV": "audio/wav"}


@dataclass(frozen=True)
class EncodedSound:
    """`suffix` as in `.mp3`; `mime` is the media type; `duration` in seconds."""

    content: bytes
    suffix: str
    mime: str
    duration: float


def encoded(path: Path) -> EncodedSound | None:
    """The samples as MP3, or as WAV if the sound library cannot write MP3; None if unreadable.

    Names and comments in the source's header are dropped.
    """
    import soundfile

    try:
        info, samples = audio.read(path)
    except InputError:
        return None
    for container, mime in _CONTAINERS.items():
        buffer = io.BytesIO()
        try:
            soundfile.write(buffer, samples, info.sampling_rate, format=container)
        except (soundfile.LibsndfileError, ValueError):
            continue
        duration = len(samples) / info.sampling_rate
        return EncodedSound(buffer.getvalue(), f".{container.lower()}", mime, duration)
    return None
