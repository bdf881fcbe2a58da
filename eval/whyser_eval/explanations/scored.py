"""What scored systems explained: a label of the eight and the text that gives its reasons."""

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
    """Half a character cannot be written down again."""
    text.encode()
    return text


_Text: TypeAlias = Annotated[str, AfterValidator(_whole)]


@validated(frozen=True)
class Explanation:
    """One answer of one system: `label` is what it predicts, `gold` the consensus, if there is one.

    `text` is plain: without the tags of any format, so that it tells nothing of who wrote it.
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
    """A system: its explanations by id, and how many of its answers hold none, by reason."""

    system: str
    by_id: dict[str, Explanation]
    left_out: Counter[str] = field(default_factory=Counter)


def read_explanations(
    folders: Sequence[Path], systems: Iterable[str], *, form: Form = "open"
) -> dict[str, Explainer]:
    """What each named system explained under its own sound.

    Args: `folders`, of scored runs; a system lies in one of them.

    Raises: `InputError` for a folder that `score` did not write, for a system that none of them
    holds or that two do, and for one that explains nothing.
    """
    wanted = list(dict.fromkeys(systems))
    found: dict[str, Explainer] = {}
    place: dict[str, Path] = {}
    names: set[str] = set()
    for folder in folders:
        for name, explainer in _read(folder / SAMPLES, wanted, form, names).items():
            if name in found:
                raise InputError(
                    f"system {name!r} was scored in {place[name]} too",
                    file=folder / SAMPLES,
                    cure="Give the one folder whose answers count.",
                )
            found[name], place[name] = explainer, folder
    for name in wanted:
        if name not in found:
            raise InputError(
                f"no system {name!r} was asked the {form} form there",
                file=folders[0] / SAMPLES,
                cure=did_you_mean(name, sorted(names)) if names else "Give another --form.",
            )
        if not found[name].by_id:
            told = ", ".join(f"{count:,} {why}" for why, count in found[name].left_out.items())
            raise InputError(
                f"{name} explains nothing ({told})",
                file=place[name] / SAMPLES,
                cure="Name a system whose answers hold reasons.",
            )
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
            raise InputError(
                f"is not a sample of this version ({error})", file=path, line=number, cure=_CURE
            ) from None
    return {
        name: Explainer(name, found[name], left_out[name])
        for name in wanted
        if name in found or name in left_out
    }


def _explanation(sample: Mapping[str, Any]) -> Explanation | str:
    """The explanation, or why there is none."""
    label = sample["prediction"]
    if label not in CLASSES:
        return "answers of no class"
    text = plain(explanation(sample["text"]))
    if not text:
        return "answers without a reason"
    return Explanation(
        id=sample["id"],
        system=sample["system"],
        label=label,
        gold=sample["label"],
        audio=sample["audio"],
        transcript=sample["reference_transcript"] or "",
        text=text,
    )


#: Of formats that are not ours: whoever reads them in an explanation knows who wrote it.
_FOREIGN = re.compile(r"</?\s*[A-Za-z][\w:-]*\s*/?>|\[/?INST\]")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_SPACES = re.compile(r"[^\S\n]+")


def plain(text: str) -> str:
    """The text without the tags of any format and the special tokens of models.

    Line breaks stay, for lists live by them.

    >>> plain("<reason>The  voice is low.</reason><|im_end|></s>")
    'The voice is low.'
    """
    text = _FOREIGN.sub(" ", RESERVED.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()
