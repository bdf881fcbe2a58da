"""Which utterances are explained where a file lists them, as a study does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from whyser.io.console import say
from whyser.io.files import read_text
from whyser.records.utterance import Utterance


def is_wanted(ids: Path | None) -> Callable[[Utterance], bool]:
    """Whether an utterance is to be explained: one of a file with an id a line, or any."""
    if ids is None:
        return lambda _: True
    wanted = _read_ids(ids)
    return lambda utterance: utterance.id in wanted


def tell_absent(ids: Path | None, taught: Iterable[Utterance]) -> None:
    """Says how many of a file's ids are not taught here: they may be of another corpus or split,
    or have no class or no transcript."""
    if ids is not None:
        wanted = _read_ids(ids)
        if absent := len(wanted - {one.id for one in taught}):
            say(f"note: {absent:,} of the {len(wanted):,} ids in {ids} are not taught here")


def _read_ids(path: Path) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, read_text(path).splitlines())))
