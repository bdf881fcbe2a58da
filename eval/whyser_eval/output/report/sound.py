"""The sound of a sample: a link to where it lies, or the sound itself."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

from whyser_eval.page.sound import encoded

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
    sound = encoded(path)
    if sound is None:
        return None
    return f"data:{sound.mime};base64,{base64.b64encode(sound.content).decode()}"
