"""Which utterances a study asks about: as even over the emotions as it goes, drawn by seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES, Label
from whyser_eval.explanations.pairs import drawn
from whyser_eval.explanations.scored import Explainer, Explanation


@dataclass(frozen=True)
class Pool:
    """What can be asked about; `left_out` counts the rest by reason."""

    matches: tuple[Explanation, ...]
    mismatches: tuple[Explanation, ...]
    left_out: Mapping[str, int]


def pool(explainer: Explainer) -> Pool:
    """Explanations of utterances with a consensus among the eight classes, and with sound."""
    usable: list[Explanation] = []
    left_out = Counter(explainer.left_out)
    for one in explainer.by_id.values():
        if one.gold not in CLASSES:
            left_out["utterances without a consensus among the eight classes"] += 1
        elif one.audio is None or not Path(one.audio).is_file():
            left_out["utterances whose sound is not there"] += 1
        else:
            usable.append(one)
    return Pool(
        tuple(one for one in usable if one.is_match),
        tuple(one for one in usable if not one.is_match),
        left_out,
    )


@dataclass(frozen=True)
class Draw:
    """Utterances of a test; `notes` tell what came out otherwise than asked for."""

    chosen: tuple[Explanation, ...]
    notes: tuple[str, ...]


def draw_accept(found: Pool, count: int, seed: int) -> Draw:
    """Test I: half of the system's matches, half of its mismatches (paper, 3.4).

    Raises: `InputError` where there is neither.
    """
    half = count // 2
    matches = balanced(found.matches, half, seed)
    mismatches = balanced(found.mismatches, half, seed)
    if count and not matches and not mismatches:
        raise nothing_to_ask("Test I")
    notes = (
        shortage("Test I, matches", matches, half),
        shortage("Test I, mismatches", mismatches, half),
    )
    return Draw((*matches, *mismatches), tuple(filter(None, notes)))


def balanced(found: Iterable[Explanation], count: int, seed: int) -> list[Explanation]:
    """At most so many, one of each emotion in turn: a short emotion is filled up from the others.

    What is drawn of an emotion depends on its own utterances and the seed alone.
    """
    strata = by_emotion(found, seed)
    turns = zip_longest(*(strata.get(label, ()) for label in drawn(CLASSES, seed, None, key=str)))
    return [one for turn in turns for one in turn if one is not None][: max(0, count)]


def by_emotion(
    found: Iterable[Explanation], seed: int
) -> Mapping[Label | None, Sequence[Explanation]]:
    """The explanations of each consensus, in the order in which they are drawn."""
    strata: defaultdict[Label | None, list[Explanation]] = defaultdict(list)
    for one in found:
        strata[one.gold].append(one)
    return {
        label: drawn(among, seed, None, key=lambda one: one.id) for label, among in strata.items()
    }


def shortage(what: str, chosen: Sequence[Explanation], count: int) -> str | None:
    """Which emotions have less than an even share of what was drawn; None if none has."""
    share = count // len(CLASSES)
    there = Counter(one.gold for one in chosen)
    short = ", ".join(f"{label} {there[label]}" for label in CLASSES if there[label] < share)
    told = f"fewer than {share} of an emotion ({short})" if short else ""
    if len(chosen) < count:
        return f"{what}: only {len(chosen):,} of {count:,} are there" + (told and f"; {told}")
    return f"{what}: {told}, filled up from the others" if told else None


def nothing_to_ask(test: str) -> InputError:
    return InputError(
        f"{test} has nothing to ask about",
        cure="It takes explained utterances with a consensus and their sound; leave the test out "
        "by --accept 0 or --prefer 0.",
    )
