"""A clip with a high pitch and a loud, fast voice, and answers to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.prompting.answer import render_answer

SAID = "Tell me the truth."
STRENGTHS = {"pitch": 1.5, "pitch_range": 0.0, "loudness": 1.2, "rate": 2.0, "pauses": -1.0}
HONEST = "The pitch is high, the voice is loud, and the speech is fast."


def cues(strengths: Mapping[str, float | None], id_: str = "c/1") -> Cues:
    found = {
        name: None
        if one is None
        else Cue(value=1.0, deviation=one, strength=one, level=level_of(one))
        for name, one in strengths.items()
    }
    return Cues(id=id_, reference="speaker", **{name: found.get(name) for name in FAMILIES})


@pytest.fixture
def columns() -> dict[str, list[Any]]:
    """The columns of one row of that clip; every claim holds of half of the corpus."""
    return {
        "solution": ["angry"],
        "votes": [json.dumps(["angry", "angry", "angry", "fear", "other"])],
        "transcript": [SAID],
        "cues": [cues(STRENGTHS).model_dump_json()],
        "chances": ["{}"],
        "id": ["c/1"],
    }


def answer(rationale: str | None = HONEST, *, label: Any = "angry", transcript: str = SAID) -> str:
    return render_answer(label, transcript=transcript, rationale=rationale)
