"""All judges whose verdicts lie in a folder: from their files to `judge.json`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from whyser import __version__
from whyser.errors import InputError
from whyser.files import read_json
from whyser_eval.judge.agreeing import HUMANS, Voice, agreements, read_humans, voice_of
from whyser_eval.judge.answers import Files, JudgedPair, Rated, read_answers
from whyser_eval.judge.families import kinship
from whyser_eval.judge.outcomes import Comparison
from whyser_eval.judge.rates import figures
from whyser_eval.judge.ratings import means
from whyser_eval.judge.rows import Judged, JudgeRow, RubricRow
from whyser_eval.pairs import Pair, pairs_hash

#: Beyond this share of unreadable pairs the rates are of what was left.
MANY_UNREADABLE = 0.05


@dataclass(frozen=True)
class Judge:
    """A judge and what it answered."""

    name: str
    hears: bool
    verdicts: Mapping[str, Sequence[JudgedPair]]
    ratings: Sequence[Rated]

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
        humans: What people preferred, as `whyser-eval study read` writes it.
    """

    folder: Path
    compared: Sequence[Comparison]
    teachers: Sequence[str]
    draws: int
    seed: int
    humans: Path | None = None

    @cached_property
    def pairs(self) -> list[Pair]:
        return [pair for one in self.compared for pair in one.pairs]

    def judged(self) -> Judged:
        """Raises: `InputError` for a judge's file that is broken or of other pairs."""
        judges = read_judges(self.folder, self.pairs)
        voices = {judge.name: self._voices(judge) for judge in judges}
        if self.humans:
            voices[HUMANS] = read_humans(self.humans, self.compared)
        return Judged(
            rows=tuple(row for judge in judges for row in self._rows(judge)),
            rubric=tuple(row for judge in judges for row in self._rubric(judge)),
            agreement=tuple(agreements(voices)),
            warnings=tuple(warning for judge in judges for warning in self._warnings(judge)),
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
                yield JudgeRow(
                    judge.name,
                    judge.hears,
                    one.system,
                    one.against,
                    **vars(each),
                    signature=signature(
                        each.metric, judge, each.emotion, each.n, prompt, pairs, how
                    ),
                )

    def _rubric(self, judge: Judge) -> Iterator[RubricRow]:
        pairs = pairs_hash(self.pairs)
        for one in means(judge.ratings, draws=self.draws, seed=self.seed):
            yield RubricRow(
                judge.name,
                judge.hears,
                **vars(one),
                signature=signature(
                    one.criterion,
                    judge,
                    one.emotion,
                    one.n,
                    judge.ratings[0].prompt,
                    pairs,
                    self._how if one.low is not None else {},
                ),
            )

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


def signature(
    metric: str,
    judge: Judge,
    emotion: str,
    n: int,
    prompt: str,
    pairs: str,
    how: Mapping[str, int],
) -> str:
    """All that another lab must match before two figures compare, version last.

    >>> judge = Judge("openai/gpt-oss-20b", False, {}, [])
    >>> signature("win_rate", judge, "all", 400, "0badc0de", "3fa9c1d2", {"orders": 2})
    'win_rate|judge:openai/gpt-oss-20b|hears:no|emotion:all|n:400|prompt:0badc0de|pairs:3fa9c1d2\
|orders:2|whyser:0.1.0'
    """
    told = {
        # "|" parts the signature.
        "judge": re.sub(r"[|\s]+", "_", judge.name),
        "hears": "yes" if judge.hears else "no",
        "emotion": emotion,
        "n": n,
        "prompt": prompt,
        "pairs": pairs,
        **how,
        "whyser": __version__,
    }
    return "|".join([metric, *(f"{name}:{value}" for name, value in told.items())])


# ---- files --------------------------------------------------------------------------------


def read_judges(folder: Path, pairs: Sequence[Pair]) -> list[Judge]:
    """Those that have judged all of these pairs, by name.

    Raises: `InputError` for a judge of other pairs, and for verdicts that lack one of the pairs.
    """
    judges = []
    for path in sorted(folder.glob("*.provenance.json")):
        record = read_json(path)
        if not record.get("finished"):
            continue
        if record["pairs"] != pairs_hash(pairs):
            raise InputError(
                f"{record['judge']} judged other pairs ({record['pairs']})",
                file=path,
                cure="Take its files out of the folder, or judge again.",
            )
        files = Files(folder, record["judge"])
        verdicts = _both_orders(files.verdicts, pairs)
        judges.append(
            Judge(record["judge"], record["hears"], verdicts, read_answers(files.ratings, Rated))
        )
    return judges


def _both_orders(path: Path, pairs: Sequence[Pair]) -> dict[str, list[JudgedPair]]:
    found: defaultdict[str, list[JudgedPair]] = defaultdict(list)
    for one in read_answers(path, JudgedPair):
        found[one.pair].append(one)
    for pair in pairs:
        if {one.shown_first for one in found[pair.key]} != set(pair.systems):
            raise InputError(
                f"lacks a verdict on {pair.id}",
                file=path,
                cure="Delete the file and judge again: the ledger has the replies.",
            )
    return dict(found)
