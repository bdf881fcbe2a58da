"""One self-contained HTML file of a scored run: figures, confusions and samples to listen to.

No network, no script but our own (a content security policy says so to the browser), and every
text that comes from data or a model is escaped: hostile text stays text.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from whyser.errors import InputError
from whyser.files import read_json, read_jsonl, write_text
from whyser_eval.metrics import Items, confusion, f1_majority
from whyser_eval.score import ScoreRow
from whyser_eval.systems import SystemName

AudioMode: TypeAlias = Literal["link", "embed", "none"]
Sample: TypeAlias = dict[str, Any]

#: Which utterances are shown does not change from one report to the next.
_SELECTION_SEED = 0

#: Characters of a model's text that are shown; samples.jsonl has all of it.
_SHOWN_TEXT = 4_000

#: Of the headline table: subset, metric.
_HEADLINE = (
    ("all", "f1_majority"),
    ("all", "f1_all_labels"),
    ("strict", "f1_majority"),
    ("strict", "f1_all_labels"),
    ("all", "hit_rate"),
)

_SUBSET_WORDS = {"all": "all", "strict": "strict majority"}

#: Verdict -> (mark, words): told by shape and word, not by colour alone.
VERDICTS = {
    "right": ("✓", "right"),
    "minority": ("◐", "right by a minority label"),
    "wrong": ("✗", "wrong"),
    "unread": ("?", "unread"),
}


def write_report(
    results: Path, output: Path, *, audio: AudioMode = "link", max_samples: int = 200
) -> None:
    """Writes the report of the folder that `score` wrote.

    Args:
        audio: `link` to the sound relative to `output`, `embed` it, or `none`
        max_samples: utterances shown; a seeded choice when there are more

    Raises: `InputError` when the folder lacks a file of a scored run.
    """
    scored = read_results(results)
    page = _render(scored, output=output, audio=audio, max_samples=max_samples)
    write_text(output, page)


# What was scored


@dataclass(frozen=True)
class Results:
    """The three files of a run, as `score` wrote them."""

    name: str
    rows: tuple[ScoreRow, ...]
    samples: Mapping[SystemName, Sequence[Sample]]
    provenance: Mapping[str, Any]

    @property
    def classes(self) -> list[str]:
        return list(self.provenance["classes"])

    @cached_property
    def ids(self) -> list[str]:
        """The references, in their order: the same for every system."""
        return [sample["id"] for sample in next(iter(self.samples.values()))]

    @cached_property
    def scores(self) -> dict[SystemName, dict[tuple[str, str], ScoreRow]]:
        table: dict[SystemName, dict[tuple[str, str], ScoreRow]] = {}
        for row in self.rows:
            system = SystemName(row.system, row.form, row.control)
            table.setdefault(system, {})[row.subset, row.metric] = row
        return table


def read_results(folder: Path) -> Results:
    """Reads what `score` wrote.

    Raises: `InputError` for a missing, a broken or a foreign file.
    """
    cure = "Give a folder that whyser-eval score wrote; run it again."
    for name in ("scores.json", "samples.jsonl", "provenance.json"):
        if not (folder / name).is_file():
            raise InputError("no such file", file=folder / name, cure=cure)
    samples: dict[SystemName, list[Sample]] = {}
    try:
        rows = tuple(ScoreRow(**row) for row in read_json(folder / "scores.json"))
        for _, sample in read_jsonl(folder / "samples.jsonl"):
            system = SystemName(sample["system"], sample["form"], sample["control"])
            samples.setdefault(system, []).append(sample)
        results = Results(
            folder.resolve().name, rows, samples, read_json(folder / "provenance.json")
        )
        if not rows or not samples or not results.classes:
            raise InputError("holds no scores", file=folder, cure=cure)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"is not of a scored run of this version ({error})", file=folder, cure=cure
        ) from None
    return results


# Views: what the template shows, nothing left to compute there


@dataclass(frozen=True)
class SystemView:
    """A row of the headline table; `key` joins it with its samples and is None for a baseline."""

    name: SystemName
    key: str | None
    cells: list[ScoreRow | None]
    signatures: list[str]
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class ClassView:
    """One class of one system: F1 on the majority labels and the row of the confusion matrix."""

    label: str
    support: int
    f1: float
    predicted: list[int]

    def share(self, count: int) -> float:
        return count / self.support if self.support else 0.0


@dataclass(frozen=True)
class SampleView:
    """One answer to one utterance; `audio` is the URL of its sound, or None."""

    key: str
    sample: Sample
    verdict: str
    audio: str | None

    @property
    def votes(self) -> list[tuple[str, int]]:
        return list(self.sample["votes"].items())


def _system_views(results: Results) -> list[SystemView]:
    keys = {name: f"s{index}" for index, name in enumerate(results.samples)}
    counts = {
        SystemName(found["model"], found["form"], found["control"]): found
        for found in results.provenance["systems"]
    }
    return [
        SystemView(
            name,
            keys.get(name),
            [scores.get(column) for column in _HEADLINE],
            [row.signature for row in scores.values()],
            counts.get(name, {}),
        )
        for name, scores in results.scores.items()
    ]


def _class_views(results: Results, samples: Sequence[Sample]) -> list[ClassView]:
    """Per class; the last two columns of `predicted` are other and unread."""
    items = Items.from_names(
        [sample["label"] for sample in samples],
        [sample["prediction"] for sample in samples],
        classes=results.classes,
    )
    unread = dict.fromkeys(results.classes, 0)
    for sample in samples:
        unread[sample["label"]] += sample["prediction"] is None
    scores = f1_majority(items).per_column
    return [
        ClassView(
            label,
            int(row.sum()),
            float(score),
            [*map(int, row[:-1]), int(row[-1]) - unread[label], unread[label]],
        )
        for label, row, score in zip(results.classes, confusion(items), scores, strict=True)
    ]


def verdict(sample: Sample) -> str:
    """A key of `VERDICTS`: how the prediction stands to the gold label and to all annotators."""
    if sample["prediction"] is None:
        return "unread"
    if sample["prediction"] == sample["label"]:
        return "right"
    return "minority" if sample["is_hit"] else "wrong"


def _sample_views(
    results: Results, shown: Sequence[str], output: Path, audio: AudioMode
) -> list[SampleView]:
    views = []
    urls: dict[str, str | None] = {}
    for index, (name, samples) in enumerate(results.samples.items()):
        by_id = {sample["id"]: sample for sample in samples}
        for id_ in shown:
            sample = by_id[id_]
            # Under a control the model heard something else than this utterance's sound.
            has_player = audio != "none" and name.control == "none"
            if has_player and id_ not in urls:
                urls[id_] = _audio_url(sample["audio"], output, audio)
            url = urls.get(id_) if has_player else None
            views.append(SampleView(f"s{index}", sample, verdict(sample), url))
    return views


def _chosen(ids: Sequence[str], most: int) -> list[str]:
    """All ids, or a seeded choice of them in their own order."""
    if len(ids) <= most:
        return list(ids)
    chosen = set(random.Random(_SELECTION_SEED).sample(list(ids), most))
    return [id_ for id_ in ids if id_ in chosen]


# Sound


def _audio_url(audio: str | None, output: Path, mode: AudioMode) -> str | None:
    if audio is None or not Path(audio).is_file():
        return None
    return relative_url(Path(audio), output) if mode == "link" else _data_url(Path(audio))


def relative_url(target: Path, page: Path) -> str:
    """The URL of a file as seen from a page, percent-encoded.

    >>> relative_url(Path("/data/two words/a#1.wav"), Path("/results/run/report.html"))
    '../../data/two%20words/a%231.wav'
    """
    path = os.path.relpath(target.resolve(), page.resolve().parent)
    return quote(Path(path).as_posix())


def _data_url(path: Path) -> str | None:
    """The sound as MP3, or as WAV where the sound library writes no MP3; None if unreadable."""
    import soundfile

    try:
        samples, rate = soundfile.read(str(path), dtype="float32")
    except (soundfile.LibsndfileError, OSError):
        return None
    for container, mime in (("MP3", "audio/mpeg"), ("WAV", "audio/wav")):
        buffer = io.BytesIO()
        try:
            soundfile.write(buffer, samples, rate, format=container)
        except (soundfile.LibsndfileError, ValueError):
            continue
        return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return None


# Page


def _render(results: Results, *, output: Path, audio: AudioMode, max_samples: int) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("whyser_eval", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    shown = _chosen(results.ids, max_samples)
    script, style = _asset("report.js"), _asset("report.css")
    return environment.get_template("report.html.jinja").render(
        results=results,
        systems=_system_views(results),
        headline=_HEADLINE,
        subset_words=_SUBSET_WORDS,
        matrices=[
            (name, _class_views(results, samples)) for name, samples in results.samples.items()
        ],
        samples=_sample_views(results, shown, output, audio),
        shown=len(shown),
        verdicts=VERDICTS,
        policy=_policy(script, style),
        script=script,
        style=style,
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    """Forbids everything but our own script and style, and sound from beside the page.

    Both are named by hash, so that nothing else could run even if it came into the page.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_csp_hash(script)}'",
            f"style-src '{_csp_hash(style)}'",
            "media-src 'self' file: data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def visible(text: str | None) -> str:
    """A model's text for the page: control characters made visible, very long text cut.

    >>> visible("a\\x00b")
    'a␀b'
    """
    if text is None:
        return ""
    cut = text[:_SHOWN_TEXT]
    shown = "".join(
        chr(0x2400 + ord(mark)) if ord(mark) < 32 and mark not in "\n\t" else mark for mark in cut
    )
    left = len(text) - len(cut)
    return f"{shown} … and {left:,} more characters" if left else shown
