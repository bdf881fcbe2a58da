"""A file of ids that restricts which utterances are explained, as a study needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from whyser.io.console import say
from whyser.io.files import read_text
from whyser.records.utterance import Utterance


def read_ids(path: Path | None) -> frozenset[str] | None:
    """The ids in a file with one id per line; None without a file."""
    if path is None:
        return None
    return frozenset(filter(None, map(str.strip, read_text(path).splitlines())))


def report_absent(path: Path | None, explained: Iterable[Utterance]) -> None:
    """Prints how many ids of the file are not explained here: they may be of another corpus or
    split, or have no class or no transcript."""
    if wanted := read_ids(path):
        absent = len(wanted - {one.id for one in explained})
        if absent:
            say(f"note: {absent:,} of the {len(wanted):,} ids in {path} are not explained here")
