"""The sound of a sample: a link to where it lies, or the sound itself."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

AudioMode: TypeAlias = Literal["link", "embed", "none"]


def audio_url(audio: str | None, output: Path, mode: AudioMode) -> str | None:
    """What a player of the page `output` plays; None where there is nothing to play."""
    if mode == "none" or audio is None or not Path(audio).is_file():
        return None
    return relative_url(Path(audio), output) if mode == "link" else _data_url(Path(audio))


def relative_url(target: Path, page: Path) -> str:
    """The URL of a file as seen from a page, percent-encoded.

    >>> relative_url(Path("/data/two words/a#1.wav"), Path("/results/run/report.html"))
    '../../data/two%20words/a%231.wav'
    """
    path = os.path.relpath(target.resolve(), page.resolve().parent)
    return quote(Path(path).as_posix())


def _data_url(path: Path) -> str | None:
    """The sound as MP3, or as WAV where the sound library writes no MP3; None if unreadable."""
    import soundfile

    try:
        samples, rate = soundfile.read(str(path), dtype="float32")
    except (soundfile.LibsndfileError, OSError):
        return None
    for container, mime in (("MP3", "audio/mpeg"), ("WAV", "audio/wav")):
        buffer = io.BytesIO()
        try:
            soundfile.write(buffer, samples, rate, format=container)
        except (soundfile.LibsndfileError, ValueError):
            continue
        return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return None
