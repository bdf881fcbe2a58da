"""The gold-referenced rationales of Test II: what a teacher wrote who was told the consensus."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser.labels.classes import EmotionClass
from whyser.teacher.rationale import Rationale, read_rationales
from whyser_eval.explanations.pairs import Candidate
from whyser_eval.explanations.scored import Explanation, plain


@dataclass(frozen=True)
class References:
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


def read_references(paths: Sequence[Path]) -> References:
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
    return References(next(iter(teachers), None), found)


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
