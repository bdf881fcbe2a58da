"""Finds identical sound in two splits without reading all of a corpus of 37 GB."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io import audio
from whyser.io.console import track
from whyser_converters.check.clips import MISSING
from whyser_converters.check.findings import CheckFault, Findings

#: A few short blocks tell nearly all sounds of equal length apart.
_LOOKS, _LOOK_FRAMES = 3, 256
_BLOCK_FRAMES = 1 << 20


@dataclass(frozen=True)
class Sound:
    """An utterance's sound; `part` is train, dev or test, `length` is from the utterance."""

    id: str
    split: str
    part: str
    path: Path
    length: Hashable


def check_duplicate_audio(sounds: Sequence[Sound], findings: Findings) -> None:
    """Adds a problem for every sound that is in two parts, of one corpus or of several.

    Each step compares only the sounds that the step before found equal: first their recorded
    length, then a few blocks, last all samples. Samples are compared instead of bytes, which finds
    a copy with another header or in another lossless container too.
    """
    groups = _spanning((sound, sound.length) for sound in sounds)
    for measure, description in (
        (_fingerprint, "sounds"),
        (_all_samples, "sounds that look alike"),
    ):
        groups = _spanning(_measured(groups, measure, description, findings))
    for group in groups:
        findings.add(_fault(group), group[0].path)


def _spanning(measured: Iterable[tuple[Sound, Hashable]]) -> list[list[Sound]]:
    """Sounds of equal measure that occur in more than one part."""
    groups: dict[Hashable, list[Sound]] = defaultdict(list)
    for sound, measure in measured:
        groups[measure].append(sound)
    return [group for group in groups.values() if len({sound.part for sound in group}) > 1]


def _measured(
    groups: Sequence[Sequence[Sound]],
    measure: Callable[[Path], Hashable],
    description: str,
    findings: Findings,
) -> Iterator[tuple[Sound, Hashable]]:
    suspects = [sound for group in groups for sound in group]
    for sound in track(suspects, description, len(suspects)):
        with findings.caught(MISSING):
            yield sound, measure(sound.path)


def _fingerprint(path: Path) -> Hashable:
    with audio.opened(path) as stream:
        looks = []
        for look in range(_LOOKS):
            stream.seek(stream.frames * (look + 1) // (_LOOKS + 1))
            looks.append(_bytes(stream.read(_LOOK_FRAMES, dtype="float64")))
        return tuple(looks)


def _all_samples(path: Path) -> Hashable:
    digest = hashlib.sha256()
    with audio.opened(path) as stream:
        for block in stream.blocks(_BLOCK_FRAMES, dtype="float64"):
            digest.update(_bytes(block))
    return digest.digest()


def _bytes(samples: Any) -> bytes:
    """float64 holds every sample of 32 bit or less, so equal samples give equal bytes in any
    format; adding zero turns -0.0 into 0.0."""
    held: bytes = (samples + 0.0).tobytes()
    return held


def _fault(group: Sequence[Sound]) -> CheckFault:
    first_of_part: dict[str, Sound] = {}
    for sound in group:
        first_of_part.setdefault(sound.part, sound)
    named = " and ".join(
        f"{sound.id} ({sound.split}{f': {sound.path}' * (sound.path != group[0].path)})"
        for sound in first_of_part.values()
    )
    more = len(group) - len(first_of_part)
    what = f"is the sound of {named}" + (f" and of {more} more" if more else "")
    return CheckFault("sounds in two splits", what, "Keep the sound in one split.")
