"""Which utterances a study asks about, and the gold-referenced rationales of Test II.

Both tests are as even over the emotions as possible, and drawn by seed.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.teacher.rationale import Rationale, read_rationales
from whyser_eval.explanations.pairs import Candidate, drawn
from whyser_eval.explanations.scored import Explainer, Explanation, plain


@dataclass(frozen=True)
class ExplanationPool:
    """The rationales that a study may use; `left_out` counts the others by reason."""

    matches: tuple[Explanation, ...]
    mismatches: tuple[Explanation, ...]
    left_out: Mapping[str, int]


def pool(explainer: Explainer) -> ExplanationPool:
    """Rationales for utterances with a majority label among the eight classes and an audio file."""
    matches: list[Explanation] = []
    mismatches: list[Explanation] = []
    left_out = Counter(explainer.left_out)
    for one in explainer.by_id.values():
        if one.gold not in CLASSES:
            left_out["utterances without a majority label among the eight classes"] += 1
        elif one.audio is None or not Path(one.audio).is_file():
            left_out["utterances without an audio file"] += 1
        else:
            (matches if one.is_match else mismatches).append(one)
    return ExplanationPool(tuple(matches), tuple(mismatches), left_out)


@dataclass(frozen=True)
class StudySample:
    """Utterances of a test; `notes` report where the sample differs from the request."""

    chosen: tuple[Explanation, ...]
    notes: tuple[str, ...]


def draw_accept(found: ExplanationPool, count: int, seed: int) -> StudySample:
    """Test I: half of the system's matches, half of its mismatches (paper, 3.4).

    Raises: `InputError` if there is neither.
    """
    half = count // 2
    matches = balanced(found.matches, half, seed)
    mismatches = balanced(found.mismatches, half, seed)
    if count and not matches and not mismatches:
        raise nothing_to_ask("Test I")
    parts = {"Test I, matches": matches, "Test I, mismatches": mismatches}
    notes = (shortage(what, chosen, half) for what, chosen in parts.items())
    return StudySample((*matches, *mismatches), tuple(filter(None, notes)))


def balanced(found: Iterable[Explanation], count: int, seed: int) -> list[Explanation]:
    """At most `count` rationales, one of each emotion in turn; others fill up a short emotion.

    The choice within an emotion depends only on its own utterances and the seed.
    """
    strata = by_emotion(found, seed)
    turns = zip_longest(*(strata.get(label, ()) for label in drawn(CLASSES, seed, None, key=str)))
    return [one for turn in turns for one in turn if one is not None][: max(0, count)]


def by_emotion(
    found: Iterable[Explanation], seed: int
) -> Mapping[Label | None, Sequence[Explanation]]:
    """The rationales for each majority label, in the order in which they are drawn."""
    strata: dict[Label | None, list[Explanation]] = {}
    for one in drawn(list(found), seed, None, key=lambda one: one.id):
        strata.setdefault(one.gold, []).append(one)
    return strata


def shortage(what: str, chosen: Sequence[Explanation], count: int) -> str | None:
    """A note on emotions with less than an even share of the sample; None if there are none."""
    share = count // len(CLASSES)
    there = Counter(one.gold for one in chosen)
    short = ", ".join(f"{label} {there[label]}" for label in CLASSES if there[label] < share)
    told = f"fewer than {share} of an emotion ({short})" if short else ""
    if len(chosen) < count:
        return f"{what}: only {len(chosen):,} of {count:,} are available" + (told and f"; {told}")
    return f"{what}: {told}, filled up from the others" if told else None


def nothing_to_ask(test: str) -> InputError:
    return InputError(
        f"{test} has nothing to ask about",
        cure="It needs utterances with a rationale, a majority label and audio; leave the test out "
        "with --accept 0 or --prefer 0.",
    )


# ---- Test II -----------------------------------------------------------------------------------


#: Spare utterances of each emotion for the teacher, because its filters drop some rationales.
SPARE = 2


@dataclass(frozen=True)
class PreferenceSample:
    """Draws among the system's mismatches, without the utterances `taken` by Test I unless there
    are too few."""

    mismatches: Sequence[Explanation]
    taken: frozenset[str]
    references: ReferenceRationales
    count: int
    seed: int

    @cached_property
    def draw(self) -> StudySample:
        """Raises: `InputError` if there is nothing to ask about."""
        if self.count and not self._chosen:
            if dropped := sum(map(self.references.dropped, self.mismatches)):
                raise InputError(
                    f"Test II: all {dropped:,} gold-referenced rationales were dropped",
                    cure="Their file gives the reasons; --prefer 0 leaves Test II out.",
                )
            raise nothing_to_ask("Test II")
        return StudySample(tuple(self._chosen), tuple(filter(None, self._notes())))

    @cached_property
    def missing(self) -> int:
        """The number of references still needed; 0 also if no more utterances are available."""
        return len(self._wished) - len(self._chosen)

    def wanted(self) -> list[str]:
        """Ids that the teacher should explain: the sample, and the next ones of each emotion.

        Utterances that have a reference stay in the list, so that a new file contains them too.
        """
        wanted = {one.id for one in self._wished}
        wanted |= {one.id for one in self.mismatches if self.references.knows(one)}
        for among in by_emotion(self._allowed, self.seed).values():
            wanted.update([one.id for one in among if one.id not in wanted][:SPARE])
        return sorted(wanted)

    @cached_property
    def _explicable(self) -> Sequence[Explanation]:
        """Utterances that a teacher can explain: it needs a transcript."""
        return [
            one for one in self.mismatches if one.transcript.strip() or self.references.knows(one)
        ]

    @cached_property
    def _allowed(self) -> Sequence[Explanation]:
        possible = [one for one in self._explicable if not self.references.dropped(one)]
        fresh = [one for one in possible if one.id not in self.taken]
        return fresh if len(fresh) >= self.count else possible

    @cached_property
    def _wished(self) -> list[Explanation]:
        """The sample if every utterance without a reference had one."""
        return self._drawn(self._allowed)

    @cached_property
    def _chosen(self) -> list[Explanation]:
        return self._drawn(list(filter(self.references.of, self._allowed)))

    def _drawn(self, among: Sequence[Explanation]) -> list[Explanation]:
        fresh = [one for one in among if one.id not in self.taken]
        again = [one for one in among if one.id in self.taken]
        chosen = balanced(fresh, self.count, self.seed)
        return chosen + balanced(again, self.count - len(chosen), self.seed)

    def _notes(self) -> Iterable[str | None]:
        yield shortage("Test II", self._chosen, self.count)
        if mute := len(self.mismatches) - len(self._explicable):
            yield f"Test II: {mute:,} utterances are not used: the teacher needs a transcript"
        if dropped := sum(map(self.references.dropped, self._drawn(self.mismatches))):
            yield f"Test II: {dropped:,} references were dropped and replaced by the next ones"
        if missing := sum(self.references.of(one) is None for one in self._wished):
            yield f"Test II: {missing:,} without a reference were replaced by the next ones"
        if shared := sum(one.id in self.taken for one in self._chosen):
            yield f"Test II: {shared:,} are in Test I too, because there are too few mismatches"


# ---- gold-referenced rationales ----------------------------------------------------------------


@dataclass(frozen=True)
class ReferenceRationales:
    """Rationales by id and label; one without a label explains the majority label."""

    found: Mapping[tuple[str, EmotionClass | None], Rationale]

    def of(self, one: Explanation) -> Rationale | None:
        """The rationale for this utterance's majority label, if it was kept."""
        rationale = self._rationale(one)
        return rationale if rationale and rationale.kept and plain(rationale.text) else None

    def candidate(self, one: Explanation) -> Candidate:
        """The reference as one side of a pair.

        Raises: `ValueError` for an utterance without such a rationale."""
        rationale = self.of(one)
        if rationale is None or one.gold is None or one.gold == "other":
            raise ValueError(f"{one.id} has no reference")
        teacher = rationale.teacher
        # The two sides of a pair need different names, and a system may be its own teacher.
        name = f"{teacher}, told the label" if teacher == one.system else teacher
        return Candidate(system=name, label=one.gold, text=plain(rationale.text))

    def knows(self, one: Explanation) -> bool:
        return self._rationale(one) is not None

    def dropped(self, one: Explanation) -> bool:
        return self.knows(one) and self.of(one) is None

    def _rationale(self, one: Explanation) -> Rationale | None:
        gold = None if one.gold == "other" else one.gold
        return self.found.get((one.id, gold)) or self.found.get((one.id, None))


def read_references(paths: Sequence[Path]) -> ReferenceRationales:
    """Raises: `InputError` for a broken file, an utterance in two files, and two teachers."""
    found: dict[tuple[str, EmotionClass | None], Rationale] = {}
    teachers: dict[str, Path] = {}
    for path in paths:
        for one in read_rationales(path):
            if (one.id, one.label) in found:
                what = f"id {one.id!r} is in another file of references too"
                raise InputError(what, file=path, cure="Give each corpus only once.")
            found[one.id, one.label] = one
            teachers.setdefault(one.teacher, path)
    if len(teachers) > 1:
        first, second, *_ = teachers
        what = f"was written by {second!r}, other references by {first!r}"
        cure = "Let one teacher write all references: a mixture cannot be interpreted."
        raise InputError(what, file=teachers[second], cure=cure)
    return ReferenceRationales(found)


# Commands that write missing references


def commands(wanted: Iterable[str], ids: Path, output: Path, runs: Sequence[Path]) -> list[str]:
    """The commands that write them: one for each corpus and split that the runs scored."""
    corpora = {one.partition("/")[0] for one in wanted}
    parts = [part for part in _parts(runs) if part[0] in corpora]
    written = []
    for corpus, split, utterances in parts or [("", "SPLIT", "UTTERANCES")]:
        name = f".{corpus}.{split}" if len(parts) > 1 else ""
        words = ["whyser-teach", "listening", utterances, "--split", split]
        words += ["--reference-for-study", "--ids", str(ids)]
        words += ["--output", f"{output}{name}.references.jsonl"]
        written.append(shlex.join([*words, "--endpoint", "URL", "--model", "NAME"]))
    return written


def _parts(runs: Sequence[Path]) -> list[tuple[str, str, str]]:
    """Corpus, split and utterances.jsonl of everything that the runs were scored on."""
    parts: dict[tuple[str, str], str] = {}
    for run in runs:
        if (path := run / "provenance.json").is_file():
            record = read_json(path)
            files = {_corpus(one["path"]): one["path"] for one in record["inputs"]}
            for part in record["parts"]:
                corpus, _, split = part.partition("/")
                parts.setdefault((corpus, split), files.get(corpus, "UTTERANCES"))
    return [(*part, path) for part, path in parts.items()]


def _corpus(path: str) -> Any:
    """The corpus of a converted file; None for any other file."""
    card = Path(path).with_name("corpus.json")
    is_converted = Path(path).name == "utterances.jsonl" and card.is_file()
    return read_json(card).get("corpus") if is_converted else None
