"""All judges whose verdicts are in a folder: from their files to `judge.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.locks import lock
from whyser_eval.explanations.judge.files import (
    CURE,
    JudgedPair,
    JudgeFiles,
    JudgeRecord,
    RatedExplanation,
    read_answers,
    read_records,
)
from whyser_eval.explanations.judge.outcomes import (
    HUMANS,
    RESULTS,
    JudgeComparison,
    PairResult,
    PairResults,
    agreements,
)
from whyser_eval.explanations.judge.rates import figures, means
from whyser_eval.explanations.judge.rows import (
    JudgeResults,
    JudgeRow,
    RubricRow,
    judge_signature,
    write_judged,
)
from whyser_eval.explanations.pairs import ExplanationPair, pairs_hash

#: A larger share of unreadable pairs makes the rates unreliable, which causes a warning.
MANY_UNREADABLE = 0.05

_UNPROTECTED = (
    "If two judges finish at the same time, judge.json may lack one: run one of them again."
)


@dataclass(frozen=True)
class Judge:
    """A judge and its answers."""

    name: str
    hears: bool
    verdicts: Mapping[str, Sequence[JudgedPair]]
    ratings: Sequence[RatedExplanation]

    def sign(self, metric: str, emotion: str, n: int, prompt: str, pairs: str, **how: int) -> str:
        """The signature of a figure of this judge."""
        hears = "yes" if self.hears else "no"
        own = {"judge": self.name, "hears": hears, "emotion": emotion, "n": n, "prompt": prompt}
        return judge_signature(metric, **own, pairs=pairs, **how)

    @property
    def answered_by(self) -> list[str]:
        """The model names that the endpoint reported."""
        verdicts = (one for own in self.verdicts.values() for one in own)
        return sorted({one.model for one in verdicts if one.reply is not None and one.model})


@dataclass(frozen=True)
class JudgePanel:
    """All judges of one folder, and the settings of `judge.json`.

    Args:
        draws: Number of bootstrap draws; 0 for no bootstrap.
        humans: The raters' preferences from `read_humans`.
    """

    folder: Path
    compared: Sequence[JudgeComparison]
    teachers: Sequence[str]
    draws: int
    seed: int
    humans: PairResults = field(default_factory=dict)

    @cached_property
    def pairs(self) -> list[ExplanationPair]:
        return [pair for one in self.compared for pair in one.pairs]

    def write(self) -> JudgeResults:
        """Writes `judge.json`, and returns its content.

        Judges that finish at the same time wait for each other: the last one includes them all.

        Raises: as `judged`.
        """
        with (self.folder / ".lock").open("a") as file:
            lock(file.fileno(), self.folder, unprotected=_UNPROTECTED, waits=True)
            judged = self.judged()
            write_judged(self.folder / "judge.json", judged)
        return judged

    def judged(self) -> JudgeResults:
        """Raises: `InputError` for a broken file of a judge, or one of other pairs."""
        records = read_records(self.folder)
        judges = read_judges(self.folder, (one for one in records if one.finished), self.pairs)
        unfinished = (
            f"judge {one.judge} is left out: its questions are not all answered yet"
            for one in records
            if not one.finished
        )
        results: dict[str, PairResults] = {judge.name: self._results(judge) for judge in judges}
        if self.humans:
            results[HUMANS] = self.humans
        return JudgeResults(
            rows=tuple(row for judge in judges for row in self._rows(judge)),
            rubric=tuple(row for judge in judges for row in self._rubric(judge)),
            agreement=tuple(agreements(results, pairs_hash(self.pairs))),
            warnings=(*(one for judge in judges for one in self._warnings(judge)), *unfinished),
        )

    def _results(self, judge: Judge) -> dict[str, PairResult]:
        found = {}
        for one in self.compared:
            for pair, pair_outcome in zip(one.pairs, one.outcomes(judge.verdicts), strict=True):
                if (result := RESULTS.get(pair_outcome.outcome)) is not None:
                    found[pair.key] = result
        return found

    def _rows(self, judge: Judge) -> Iterator[JudgeRow]:
        prompt = next(iter(judge.verdicts.values()))[0].prompt
        for one in self.compared:
            pairs = pairs_hash(one.pairs)
            for each in figures(one.outcomes(judge.verdicts), draws=self.draws, seed=self.seed):
                how = {"orders": 2} | (self._bootstrap if each.interval == "bootstrap" else {})
                signature = judge.sign(each.metric, each.emotion, each.n, prompt, pairs, **how)
                names = judge.name, judge.hears, one.system, one.against
                yield JudgeRow(*names, **each._asdict(), signature=signature)

    def _rubric(self, judge: Judge) -> Iterator[RubricRow]:
        pairs = pairs_hash(self.pairs)
        for one in means(judge.ratings, draws=self.draws, seed=self.seed):
            how = self._bootstrap if one.low is not None else {}
            prompt = judge.ratings[0].prompt
            signature = judge.sign(one.criterion, one.emotion, one.n, prompt, pairs, **how)
            yield RubricRow(judge.name, judge.hears, *one, signature)

    @property
    def _bootstrap(self) -> dict[str, int]:
        return {"draws": self.draws, "seed": self.seed}

    def _warnings(self, judge: Judge) -> Iterator[str]:
        systems = dict.fromkeys(name for one in self.compared for name in (one.system, one.against))
        yield from kinship(judge.name, self.teachers, systems)
        if len(models := judge.answered_by) > 1:
            yield f"several models answered for judge {judge.name}: {', '.join(models)}"
        for one in self.compared:
            outcomes = [each.outcome for each in one.outcomes(judge.verdicts)]
            unreadable, n = outcomes.count("unreadable"), len(outcomes)
            if unreadable > MANY_UNREADABLE * n:
                pairs = f"{unreadable:,} of {n:,} pairs of {one.system} and {one.against}"
                yield f"judge {judge.name} gave no readable verdict on {pairs}"


# ---- files --------------------------------------------------------------------------------


def read_judges(
    folder: Path, records: Iterable[JudgeRecord], pairs: Sequence[ExplanationPair]
) -> list[Judge]:
    """The judges of these pairs, by name.

    Raises: `InputError` for a judge of other pairs, and unless every pair has exactly one verdict
    in each order.
    """
    judges = []
    for one in records:
        files = JudgeFiles(folder, one.judge)
        if one.pairs != pairs_hash(pairs):
            what = f"{one.judge} judged other pairs ({one.pairs})"
            cure = "Remove its files from the folder, or run that judge again."
            raise InputError(what, file=files.record, cure=cure)
        verdicts = _both_orders(files.verdicts, pairs)
        # Without a rubric in this run, an older ratings file may be of other pairs or settings.
        ratings = read_answers(files.ratings, RatedExplanation) if one.rubric else []
        judges.append(Judge(one.judge, one.hears, verdicts, ratings))
    return judges


def _both_orders(path: Path, pairs: Sequence[ExplanationPair]) -> dict[str, list[JudgedPair]]:
    found: dict[str, list[JudgedPair]] = {pair.key: [] for pair in pairs}
    for one in read_answers(path, JudgedPair):
        found.setdefault(one.pair, []).append(one)
    for pair in pairs:
        if sorted(one.shown_first for one in found[pair.key]) != sorted(pair.systems):
            what = f"does not have exactly one verdict on {pair.id} in each order"
            raise InputError(what, file=path, cure=CURE)
    return found


# ---- model families ----------------------------------------------------------------------------


#: Family -> pattern of its names in the name of a model or of its maker, without digits.
FAMILIES: dict[str, str] = {
    "Qwen": r"qwen|qwq|qvq|q2a|q2\.5o",
    "OpenAI": r"openai|gpt|chatgpt|o[134]",
    "Google": r"google|gemini|gemma|palm",
    "Anthropic": r"anthropic|claude",
    "Llama": r"llama",
    "Mistral": r"mistral(?:ai)?|mixtral|ministral|voxtral|magistral|pixtral|devstral",
    "DeepSeek": r"deepseek",
    "Phi": r"phi",
    "GLM": r"glm|chatglm|zai",
    "Kimi": r"kimi|moonshotai",
    "Baichuan": r"baichuan",
    "Command": r"command|aya|cohere",
    "Nemotron": r"nemotron",
    "Nova": r"nova",
    "Grok": r"grok",
}

#: A word ends where no letter follows: "phi4" and "phi-4", but no "philosopher".
_WORDS = {
    family: re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z])", re.IGNORECASE)
    for family, words in FAMILIES.items()
}


def families_of(model: str) -> frozenset[str]:
    """The families in a model's name: two for a distilled model, none if unknown.

    >>> [*families_of("openai/gpt-oss-20b"), *families_of("gemini-2.0-flash"), *families_of("mine")]
    ['OpenAI', 'Google']
    >>> sorted(families_of("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"))
    ['DeepSeek', 'Qwen']
    """
    return frozenset(family for family, words in _WORDS.items() if words.search(model))


def kinship(judge: str, teachers: Iterable[str], systems: Iterable[str]) -> Iterator[str]:
    """Warnings where judge and teacher or system belong to the same family, or a family is unknown.

    >>> print(*kinship("QwQ-32B", ["Qwen2-Audio"], ["demo"]))
    judge QwQ-32B and teacher Qwen2-Audio share a model family (Qwen): the judge may favour its own
    """
    own = families_of(judge)
    unknown = "the model family of {} is unknown, so it was not compared with the {}'s"
    if not own:
        yield unknown.format(f"judge {judge}", "teacher")
    named = [("teacher", one) for one in teachers] + [("system", one) for one in systems]
    for role, name in named:
        other = families_of(name)
        if name == judge:
            yield f"judge {judge} is also the {role}: the judge may favour its own"
        elif shared := own & other:
            family = " and ".join(sorted(shared))
            both = f"judge {judge} and {role} {name} share a model family ({family})"
            yield f"{both}: the judge may favour its own"
        elif own and role == "teacher" and not other:
            yield unknown.format(f"teacher {name}", "judge")
