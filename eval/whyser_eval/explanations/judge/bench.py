"""All judges whose verdicts lie in a folder: from their files to `judge.json`."""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from whyser.io.errors import InputError
from whyser_eval.explanations.judge.agreeing import HUMANS, Voice, Voices, agreements, voice_of
from whyser_eval.explanations.judge.answers import Files, JudgedPair, Rated, read_answers
from whyser_eval.explanations.judge.families import kinship
from whyser_eval.explanations.judge.outcomes import Comparison
from whyser_eval.explanations.judge.rates import figures
from whyser_eval.explanations.judge.ratings import means
from whyser_eval.explanations.judge.record import Told, told_in
from whyser_eval.explanations.judge.rows import Judged, JudgeRow, RubricRow, write_judged
from whyser_eval.explanations.judge.signature import signed
from whyser_eval.explanations.pairs import Pair, pairs_hash

#: Beyond this share of unreadable pairs the rates are of what was left.
MANY_UNREADABLE = 0.05


@dataclass(frozen=True)
class Judge:
    """A judge and what it answered."""

    name: str
    hears: bool
    verdicts: Mapping[str, Sequence[JudgedPair]]
    ratings: Sequence[Rated]

    @property
    def told(self) -> dict[str, str]:
        """What a signature tells of it."""
        return {"judge": self.name, "hears": "yes" if self.hears else "no"}

    @cached_property
    def answered_by(self) -> set[str]:
        """The names that the endpoint gave itself."""
        return {
            one.model
            for own in self.verdicts.values()
            for one in own
            if one.reply is not None and one.model
        }


@dataclass(frozen=True)
class Bench:
    """What `judge.json` is made of.

    Args:
        draws: Of the bootstrap; 0 for none.
        humans: What people preferred, as `read_humans` has it.
    """

    folder: Path
    compared: Sequence[Comparison]
    teachers: Sequence[str]
    draws: int
    seed: int
    humans: Voices = field(default_factory=dict)

    @cached_property
    def pairs(self) -> list[Pair]:
        return [pair for one in self.compared for pair in one.pairs]

    def write(self) -> Judged:
        """Writes `judge.json`, and returns what is in it.

        Of judges that end together one waits for the other: the last to write knows of both.

        Raises: as `judged`.
        """
        with (self.folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            judged = self.judged()
            write_judged(self.folder / "judge.json", judged)
        return judged

    def judged(self) -> Judged:
        """Raises: `InputError` for a judge's file that is broken or of other pairs."""
        told = told_in(self.folder)
        judges = read_judges(self.folder, (one for one in told if one.finished), self.pairs)
        voices: dict[str, Voices] = {judge.name: self._voices(judge) for judge in judges}
        if self.humans:
            voices[HUMANS] = self.humans
        return Judged(
            rows=tuple(row for judge in judges for row in self._rows(judge)),
            rubric=tuple(row for judge in judges for row in self._rubric(judge)),
            agreement=tuple(agreements(voices, pairs_hash(self.pairs))),
            warnings=(
                *(warning for judge in judges for warning in self._warnings(judge)),
                *(
                    f"judge {one.judge} is left out: it was not asked everything yet"
                    for one in told
                    if not one.finished
                ),
            ),
        )

    def _voices(self, judge: Judge) -> dict[str, Voice]:
        found = {}
        for one in self.compared:
            for pair, weighed in zip(one.pairs, one.weighed(judge.verdicts), strict=True):
                if (voice := voice_of(weighed.outcome)) is not None:
                    found[pair.key] = voice
        return found

    def _rows(self, judge: Judge) -> Iterator[JudgeRow]:
        prompt = next(iter(judge.verdicts.values()))[0].prompt
        for one in self.compared:
            pairs = pairs_hash(one.pairs)
            for each in figures(one.weighed(judge.verdicts), draws=self.draws, seed=self.seed):
                how = {"orders": 2} | (self._how if each.interval == "bootstrap" else {})
                signature = signed(
                    each.metric,
                    **judge.told,
                    emotion=each.emotion,
                    n=each.n,
                    prompt=prompt,
                    pairs=pairs,
                    **how,
                )
                yield JudgeRow(
                    judge.name,
                    judge.hears,
                    one.system,
                    one.against,
                    **vars(each),
                    signature=signature,
                )

    def _rubric(self, judge: Judge) -> Iterator[RubricRow]:
        pairs = pairs_hash(self.pairs)
        for one in means(judge.ratings, draws=self.draws, seed=self.seed):
            signature = signed(
                one.criterion,
                **judge.told,
                emotion=one.emotion,
                n=one.n,
                prompt=judge.ratings[0].prompt,
                pairs=pairs,
                **(self._how if one.low is not None else {}),
            )
            yield RubricRow(judge.name, judge.hears, **vars(one), signature=signature)

    @property
    def _how(self) -> dict[str, int]:
        return {"draws": self.draws, "seed": self.seed}

    def _warnings(self, judge: Judge) -> Iterator[str]:
        systems = dict.fromkeys(name for one in self.compared for name in (one.system, one.against))
        yield from kinship(judge.name, self.teachers, systems)
        if len(judge.answered_by) > 1:
            told = ", ".join(sorted(judge.answered_by))
            yield f"judge {judge.name} was answered for by several models: {told}"
        for one in self.compared:
            outcomes = [each.outcome for each in one.weighed(judge.verdicts)]
            unreadable = outcomes.count("unreadable")
            if unreadable > MANY_UNREADABLE * len(outcomes):
                yield (
                    f"judge {judge.name} left {unreadable:,} of {len(outcomes):,} pairs of "
                    f"{one.system} and {one.against} without a verdict that can be read"
                )


# ---- files --------------------------------------------------------------------------------


def read_judges(folder: Path, told: Iterable[Told], pairs: Sequence[Pair]) -> list[Judge]:
    """Those that have judged all of these pairs, by name.

    Raises: `InputError` for a judge of other pairs, and for verdicts that are not one in each
    order of every pair.
    """
    judges = []
    for one in told:
        files = Files(folder, one.judge)
        if one.pairs != pairs_hash(pairs):
            raise InputError(
                f"{one.judge} judged other pairs ({one.pairs})",
                file=files.record,
                cure="Take its files out of the folder, or judge again.",
            )
        verdicts = _both_orders(files.verdicts, pairs)
        # What an earlier run rated may be of other pairs, or asked in another manner.
        ratings = read_answers(files.ratings, Rated) if one.rubric else []
        judges.append(Judge(one.judge, one.hears, verdicts, ratings))
    return judges


def _both_orders(path: Path, pairs: Sequence[Pair]) -> dict[str, list[JudgedPair]]:
    found: defaultdict[str, list[JudgedPair]] = defaultdict(list)
    for one in read_answers(path, JudgedPair):
        found[one.pair].append(one)
    for pair in pairs:
        if sorted(one.shown_first for one in found[pair.key]) != sorted(pair.systems):
            raise InputError(
                f"has not one verdict on {pair.id} in each order",
                file=path,
                cure="Delete the file and judge again: the ledger has the replies.",
            )
    return dict(found)
