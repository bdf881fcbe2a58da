"""The data of the sample browser: every utterance once, and the answers of every system.

The page builds its cards from this, a screenful at a time, only from text nodes. Cards written
out here would repeat each transcript and embedded sound once per system, and a page of 2,000
utterances would hold ten thousand of them.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from whyser.io.visible import visible
from whyser_eval.explanations.highlights import StatedClaim, pieces, stated_claims
from whyser_eval.output.report.classes import VERDICTS
from whyser_eval.output.report.grounding import OUTCOMES
from whyser_eval.output.report.results import Results, Sample, verdict
from whyser_eval.page.onefile import SHOWN
from whyser_eval.page.sound import encoded

#: Degrees of agreement of the votes, from high to low.
_BANDS = ("all agree", "more than half", "half or less", "no votes released")


def browser_data(results: Results, output: Path, audio: AudioMode) -> dict[str, Any]:
    """The data of the report's script; hidden characters in every text are already made visible."""
    utterances: dict[str, dict[str, Any]] = {}
    answers = []
    places: dict[str, int] = {}
    for number, samples in enumerate(results.shown.values()):
        for sample in samples:
            if sample["id"] not in utterances:
                places[sample["id"]] = len(utterances)
                url = audio_url(sample["audio"], output, audio)
                utterances[sample["id"]] = _utterance(sample, url)
            answers.append({"system": number, "of": places[sample["id"]], **_answer(sample)})
    return {
        "classes": results.classes,
        "systems": [
            {"model": visible(name.model), "form": name.form, "control": name.control}
            for name in results.shown
        ],
        "verdicts": VERDICTS,
        "outcomes": OUTCOMES,
        "bands": _BANDS,
        "utterances": list(utterances.values()),
        "answers": answers,
    }


def _utterance(sample: Sample, url: str | None) -> dict[str, Any]:
    votes: Mapping[str, int] = sample["votes"]
    # The share of votes for the most frequent label.
    share = max(votes.values()) / sum(votes.values()) if votes else None
    return {
        "id": visible(sample["id"]),
        "corpus": visible(sample["corpus"]),
        "speaker": visible(sample["speaker"]),
        "gender": sample["gender"],
        "gold": sample["label"],
        "votes": list(votes.items()),
        "agreement": share,
        "band": _BANDS[3 if share is None else 0 if share == 1 else 1 if share > 0.5 else 2],
        "audio": url,
        "said": visible(sample["reference_transcript"]),
    }


def _answer(sample: Sample) -> dict[str, Any]:
    # Without the blocks of the paper's format, the whole answer is the rationale.
    is_free = sample["rationale"] is None and sample["transcript"] is None
    reason = sample["text"] if is_free else sample["rationale"] or ""
    claims = _claims(sample, reason)
    # The model's probability of its own label, if it reports one.
    probabilities: Mapping[str, float] | None = sample.get("probabilities")
    return {
        "predicted": sample["prediction"],
        "verdict": verdict(sample),
        "stage": sample["stage"],
        "word": visible(sample["word"]),
        "two": sample["two_emotions"],
        "confidence": probabilities.get(sample["prediction"], 0.0) if probabilities else None,
        "heard": visible(sample["transcript"]),
        "attributes": _attributes(sample.get("attributes") or {}),
        "reason": [
            [visible(piece.text), piece.kind, piece.claim]
            for piece in pieces(
                reason,
                claims,
                said=sample["reference_transcript"] or "",
                heard=sample["transcript"] or "",
                prediction=sample["prediction"],
            )
        ],
        "claims": [
            {
                "family": claim.family.replace("_", " "),
                "level": f"not {claim.level}" if claim.negated else claim.level,
                "outcome": claim.outcome or "unchecked",
                "words": visible(reason[claim.start : claim.end]),
            }
            for claim in claims
        ],
        "grounded": _grounded(claims),
        "text": "" if is_free else visible(sample["text"]),
        "length": len(sample["text"].split()),
    }


def _attributes(found: Mapping[str, tuple[float, float | None]]) -> str:
    """The values of an answer and the means of the annotators, which score wrote.

    >>> _attributes({"arousal": (3.8, 4.2), "valence": (2.0, None)})
    'arousal 4.2 (annotators 3.8), valence unread (annotators 2)'
    """
    return ", ".join(
        f"{name} {'unread' if said is None else f'{said:.3g}'} (annotators {mean:.3g})"
        for name, (mean, said) in found.items()
    )


def _claims(sample: Sample, reason: str) -> list[StatedClaim]:
    """The claims as `score` checked them, else as read; only those in the shown text."""
    given = sample.get("claims")
    if given is None:
        return stated_claims(reason, sample["reference_transcript"] or "")
    names = ("start", "end", "family", "level", "outcome")
    values = ({n: one[n] for n in names} | {"negated": one.get("negated", False)} for one in given)
    found = [StatedClaim(**each) for each in values]
    return [claim for claim in found if claim.end <= SHOWN]


def _grounded(claims: list[StatedClaim]) -> float | None:
    supported = sum(claim.outcome == "supported" for claim in claims)
    decided = supported + sum(claim.outcome == "contradicted" for claim in claims)
    return supported / decided if decided else None


# ---- sound -------------------------------------------------------------------------------------


AudioMode: TypeAlias = Literal["link", "embed", "none"]


def audio_url(audio: str | None, output: Path, mode: AudioMode) -> str | None:
    """The URL of the audio in the page `output`; None if there is no audio."""
    if mode == "none" or audio is None or not Path(audio).is_file():
        return None
    if mode == "link":
        return relative_url(Path(audio), output)
    sound = encoded(Path(audio))
    if sound is None:
        return None
    return f"data:{sound.mime};base64,{base64.b64encode(sound.content).decode()}"


def relative_url(target: Path, page: Path) -> str:
    """The URL of a file as seen from a page, percent-encoded.

    >>> relative_url(Path("/data/two words/a#1.wav"), Path("/results/run/report.html"))
    '../../data/two%20words/a%231.wav'
    """
    path = os.path.relpath(target.resolve(), page.resolve().parent)
    # Of bytes, because a name need not be UTF-8.
    return quote(os.fsencode(Path(path).as_posix()))
