"""Reads the shares of the votes that an answer states, such as "60% angry and 40% sad".

Percentages of different emotions may also rate each by itself ("angry 80 %, sad 70 %"). So they
are shares only if they sum to 100, but for rounding, or if they are in the form of the target
`distribution`, which says nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from whyser.labels.classes import Label
from whyser.labels.lexicon import lexicon
from whyser.prompting.answer import parse_answer
from whyser_eval.reading.parts import parts_of
from whyser_eval.reading.rated import ratings

#: Increase it with every change of these rules: figures by different readers cannot be compared.
SHARES_VERSION = 1

#: What rounded percentages may differ from 100 by.
_ROUNDED = 5.0


def stated_shares(text: str) -> dict[Label, float]:
    """The shares, which sum to 1; empty for an answer that states none.

    >>> stated_shares("<asr>Hi.</asr><answer>angry 60%, sad 20%</answer>")
    {'angry': 0.75, 'sad': 0.25}
    >>> stated_shares("The voice is 60% angry and 40% sad.")
    {'angry': 0.6, 'sad': 0.4}
    >>> stated_shares("Angry 80 %, sad 70 %."), stated_shares("I am 90% sure that she is sad.")
    ({}, {})
    """
    if "%" not in text:
        return {}
    found: Mapping[Any, float] = parse_answer(text).shares or _rated(text)
    total = sum(found.values())
    return {name: share / total for name, share in found.items()}


def _rated(text: str) -> Mapping[Label, float]:
    """The percentages of an answer in free words; empty if they are no shares."""
    parts = parts_of(text)
    if parts.statement is None and parts.is_cut:
        return {}
    said = parts.prose if parts.statement is None else parts.statement
    found: defaultdict[Label, float] = defaultdict(float)
    for one in ratings(said, lexicon()):
        found[one.label] += one.share
    return found if abs(sum(found.values()) - 100) <= _ROUNDED else {}


def shares_version() -> str:
    """The name of this reader in signatures, with the hash of its words."""
    return f"stated-{SHARES_VERSION}+{lexicon().hash}"
