"""Rationales of scored systems: one of the eight labels, and the text that gives reasons for it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, ValidationError
from pydantic.dataclasses import dataclass as validated

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_jsonl
from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.prompting.prompts import Form
from whyser.records.utterance import RESERVED, input_error
from whyser_eval.metrics.groundedness import explanation

SAMPLES = "samples.jsonl"

_CURE = "Give a folder that whyser-eval score wrote; run it again."


def _whole(text: str) -> str:
    """A lone surrogate cannot be written to a file."""
    text.encode()
    return text


_Text: TypeAlias = Annotated[str, AfterValidator(_whole)]


@validated(frozen=True)
class Explanation:
    """One answer of one system: `label` is its prediction, `gold` the majority label, if any.

    `text` has no tags of any format, so that it does not reveal which system wrote it.
    """

    id: _Text
    system: _Text
    label: EmotionClass
    gold: Label | None
    audio: _Text | None
    transcript: _Text
    text: _Text

    @property
    def is_match(self) -> bool:
        return self.label == self.gold


@dataclass(frozen=True)
class Explainer:
    """A system: its rationales by id, and the number of answers without one, by reason."""

    system: str
    by_id: dict[str, Explanation]
    left_out: Counter[str] = field(default_factory=Counter)


def read_explanations(
    folders: Sequence[Path], systems: Iterable[str], *, form: Form = "open"
) -> dict[str, Explainer]:
    """The rationales of each named system without a control.

    Args: `folders`, scored runs; each system is in one of them.

    Raises: `InputError` for a folder that `score` did not write, for a system that is in no folder
    or in two, and for a system without any rationale.
    """
    wanted = list(dict.fromkeys(systems))
    found: dict[str, Explainer] = {}
    place: dict[str, Path] = {}
    names: set[str] = set()
    for folder in folders:
        for name, explainer in _read(folder / SAMPLES, wanted, form, names).items():
            if name in found:
                what = f"system {name!r} was also scored in {place[name]}"
                cure = "Give only the folder whose answers should count."
                raise InputError(what, file=folder / SAMPLES, cure=cure)
            found[name], place[name] = explainer, folder
    for name in wanted:
        if name not in found:
            what = f"no system {name!r} was asked the {form} form"
            cure = did_you_mean(name, sorted(names)) if names else "Give another --form."
            raise InputError(what, file=folders[0] / SAMPLES, cure=cure)
        if not found[name].by_id:
            told = ", ".join(f"{count:,} {why}" for why, count in found[name].left_out.items())
            what, cure = f"{name} has no rationale ({told})", "Name a system with rationales."
            raise InputError(what, file=place[name] / SAMPLES, cure=cure)
    return found


def _read(path: Path, wanted: Sequence[str], form: Form, names: set[str]) -> dict[str, Explainer]:
    found: defaultdict[str, dict[str, Explanation]] = defaultdict(dict)
    left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for number, sample in read_jsonl(path):
        try:
            if sample["form"] != form or sample["control"] != "none":
                continue
            name = sample["system"]
            names.add(name)
            if name not in wanted:
                continue
            one = _explanation(sample)
            if isinstance(one, Explanation):
                found[name][one.id] = one
            else:
                left_out[name][one] += 1
        except ValidationError as error:
            raise input_error(error).at(path, number) from None
        except (KeyError, TypeError, AttributeError) as error:
            what = f"is not a sample as this version writes it ({error})"
            raise InputError(what, file=path, line=number, cure=_CURE) from None
    return {
        name: Explainer(name, found[name], left_out[name])
        for name in wanted
        if name in found or name in left_out
    }


def _explanation(sample: Mapping[str, Any]) -> Explanation | str:
    """The rationale, or the reason why there is none."""
    label = sample["prediction"]
    if label not in CLASSES:
        return "answers without a class"
    text = plain(explanation(sample["text"]))
    if not text:
        return "answers without a rationale"
    return Explanation(
        id=sample["id"],
        system=sample["system"],
        label=label,
        gold=sample["label"],
        audio=sample["audio"],
        transcript=sample["reference_transcript"] or "",
        text=text,
    )


#: Tags of other formats: in a rationale they would reveal the system that wrote it.
_FOREIGN = re.compile(r"</?\s*[A-Za-z][\w:-]*\s*/?>|\[/?INST\]")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_SPACES = re.compile(r"[^\S\n]+")


def plain(text: str) -> str:
    """The text without the tags of any format and the special tokens of models.

    Line breaks stay, because lists need them.

    >>> plain("<reason>The  voice is low.</reason><|im_end|></s>")
    'The voice is low.'
    """
    text = _FOREIGN.sub(" ", RESERVED.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()
