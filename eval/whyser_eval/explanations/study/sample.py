"""Which utterances a study asks about, and which rationales Test II compares with.

Both tests are as even over the emotions as possible, and drawn by seed.
"""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.teacher.rationale import Rationale, read_rationales
from whyser_eval.explanations.pairs import Candidate, drawn
from whyser_eval.explanations.scored import Explainer, Explanation, plain


@dataclass(frozen=True)
class ExplanationPool:
    """What can be asked about; `left_out` counts the rest by reason."""

    matches: tuple[Explanation, ...]
    mismatches: tuple[Explanation, ...]
    left_out: Mapping[str, int]


def pool(explainer: Explainer) -> ExplanationPool:
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
    return ExplanationPool(
        tuple(one for one in usable if one.is_match),
        tuple(one for one in usable if not one.is_match),
        left_out,
    )


@dataclass(frozen=True)
class StudySample:
    """Utterances of a test; `notes` tell what came out otherwise than asked for."""

    chosen: tuple[Explanation, ...]
    notes: tuple[str, ...]


def draw_accept(found: ExplanationPool, count: int, seed: int) -> StudySample:
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
    return StudySample((*matches, *mismatches), tuple(filter(None, notes)))


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


# ---- Test II -----------------------------------------------------------------------------------


#: Utterances of each emotion that are to be explained beyond those drawn: some of what a teacher
#: writes is not kept.
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
        """Raises: `InputError` where nothing can be asked about."""
        if self.count and not self._chosen:
            raise self._nothing()
        return StudySample(tuple(self._chosen), tuple(filter(None, self._notes())))

    @cached_property
    def missing(self) -> int:
        """How many references it takes to fill the test; 0 also where no more can be had."""
        return len(self._wished) - len(self._chosen)

    def wanted(self) -> list[str]:
        """Ids to have explained: those wished for, and the next of each emotion.

        What has a reference stays among them, so that a file that is written anew has it still.
        """
        wanted = {one.id for one in self._wished}
        wanted |= {one.id for one in self.mismatches if self.references.knows(one)}
        for among in by_emotion(self._allowed, self.seed).values():
            wanted.update([one.id for one in among if one.id not in wanted][:SPARE])
        return sorted(wanted)

    @cached_property
    def _explicable(self) -> Sequence[Explanation]:
        """A teacher explains nothing without the words: it would be waited for in vain."""
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
        """As if all that is not explained yet would be."""
        return self._drawn(self._allowed)

    @cached_property
    def _chosen(self) -> list[Explanation]:
        return self._drawn(filter(self.references.of, self._allowed))

    def _drawn(self, among: Iterable[Explanation]) -> list[Explanation]:
        fresh: list[Explanation] = []
        again: list[Explanation] = []
        for one in among:
            (again if one.id in self.taken else fresh).append(one)
        chosen = balanced(fresh, self.count, self.seed)
        return chosen + balanced(again, self.count - len(chosen), self.seed)

    def _nothing(self) -> InputError:
        if dropped := sum(map(self.references.dropped, self.mismatches)):
            return InputError(
                f"Test II: of {dropped:,} gold-referenced rationales none is kept",
                cure="Their file tells the reasons; --prefer 0 leaves Test II out.",
            )
        return nothing_to_ask("Test II")

    def _notes(self) -> Iterable[str | None]:
        yield shortage("Test II", self._chosen, self.count)
        if mute := len(self.mismatches) - len(self._explicable):
            yield f"Test II: {mute:,} have no transcript, which a teacher needs: not asked about"
        if dropped := sum(map(self.references.dropped, self._drawn(self.mismatches))):
            yield f"Test II: {dropped:,} references were not kept, the next ones instead"
        if missing := sum(self.references.of(one) is None for one in self._wished):
            yield f"Test II: {missing:,} have no reference, the next ones instead"
        if shared := sum(one.id in self.taken for one in self._chosen):
            yield f"Test II: {shared:,} stand in Test I too, for want of mismatches"


# ---- gold-referenced rationales ----------------------------------------------------------------


@dataclass(frozen=True)
class ReferenceRationales:
    """Rationales by id and label; without a label one explains the consensus."""

    teacher: str | None
    found: Mapping[tuple[str, EmotionClass | None], Rationale]

    def of(self, one: Explanation) -> Rationale | None:
        """What explains this utterance's consensus and may be shown."""
        rationale = self._rationale(one)
        return rationale if rationale and rationale.kept and plain(rationale.text) else None

    def candidate(self, one: Explanation) -> Candidate:
        """As one side of a pair; `ValueError` for an utterance without such a rationale."""
        rationale = self.of(one)
        if rationale is None or one.gold is None or one.gold == "other":
            raise ValueError(f"{one.id} has no reference")
        teacher = rationale.teacher
        # A pair tells its sides apart by name, and a system may be its own teacher.
        name = f"{teacher}, told the label" if teacher == one.system else teacher
        return Candidate(system=name, label=one.gold, text=plain(rationale.text))

    def knows(self, one: Explanation) -> bool:
        return self._rationale(one) is not None

    def dropped(self, one: Explanation) -> bool:
        return self.knows(one) and self.of(one) is None

    def _rationale(self, one: Explanation) -> Rationale | None:
        labels = [label for label in (one.gold, None) if label != "other"]
        found = (self.found.get((one.id, label)) for label in labels)
        return next(filter(None, found), None)


def read_references(paths: Sequence[Path]) -> ReferenceRationales:
    """Raises: `InputError` for a broken file, an utterance that two explain, and two teachers."""
    found: dict[tuple[str, EmotionClass | None], Rationale] = {}
    teachers: dict[str, Path] = {}
    for path in paths:
        for one in read_rationales(path):
            if (one.id, one.label) in found:
                what = f"id {one.id!r} stands in another file of references too"
                raise InputError(what, file=path, cure="Give each corpus once.")
            found[one.id, one.label] = one
            teachers.setdefault(one.teacher, path)
    if len(teachers) > 1:
        first, second, *_ = teachers
        raise InputError(
            f"is written by {second!r}, other references by {first!r}",
            file=teachers[second],
            cure="Have one teacher write them all: which of two was preferred would tell nothing.",
        )
    return ReferenceRationales(next(iter(teachers), None), found)


# Where there are none yet


def commands(wanted: Iterable[str], ids: Path, output: Path, runs: Sequence[Path]) -> list[str]:
    """How to have them written: a command for each corpus and split that the runs scored."""
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
    """Corpus, split and utterances.jsonl of all that the runs were scored on."""
    parts: dict[tuple[str, str], str] = {}
    for run in runs:
        if (path := run / "provenance.json").is_file():
            record = read_json(path)
            files = {_corpus(one["path"]): one["path"] for one in record["inputs"]}
            for part in record["parts"]:
                corpus, _, split = part.partition("/")
                parts.setdefault((corpus, split), files.get(corpus, "UTTERANCES"))
    return [(corpus, split, path) for (corpus, split), path in parts.items()]


def _corpus(path: str) -> str | None:
    """Which corpus a converted file is of; None for any other file."""
    file = Path(path)
    card = file.with_name("corpus.json")
    if file.name != "utterances.jsonl" or not card.is_file():
        return None
    name: str | None = read_json(card).get("corpus")
    return name
