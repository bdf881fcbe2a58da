"""The hybrid reader against a live server: the schema constrains the tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from whyser.chat import Ledger
from whyser.records.corpus import Corpus

from .conftest import Served, whyser

pytestmark = pytest.mark.slow

#: One that the rules read, one whose word the table lacks, one that says nothing they know, and one
#: that is sent to nobody.
TEXTS = (
    "<answer>I think the emotion is sad</answer>",
    "<answer>I think the emotion is zesty</answer>",
    "Something unheard of in this voice.",
    "I'm sorry, I cannot listen to audio.",
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def answered(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("read")
    whyser("whyser-convert", "crema_d", native_corpora / "crema_d", folder)
    references = folder / "crema_d/utterances.jsonl"
    asked = [one for one in Corpus(references).utterances() if one.is_scored]
    rows = [
        {"id": one.id, "form": "open", "prompt": "0", "model": "tiny", "control": "none",
         "text": TEXTS[place % len(TEXTS)]}
        for place, one in enumerate(asked)
    ]  # fmt: skip
    predictions = folder / "predictions.jsonl"
    predictions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return references, predictions


def test_what_the_rules_leave_is_asked_once_and_never_invented(
    vllm: Served, answered: tuple[Path, Path], tmp_path: Path
) -> None:
    references, predictions = answered
    scoring = (
        *("score", "--references", references, "--predictions", predictions),
        *("--output", tmp_path, "--draws", 0, "--reader", "hybrid"),
        *("--reader-endpoint", vllm.url, "--reader-model", vllm.model),
        *("--reader-max-tokens", 200, "--audit", "--audit-sample", 8),
    )
    whyser("whyser-eval", *scoring)
    read = {row["text"]: row for row in lines(tmp_path / "samples.jsonl")}
    assert read[TEXTS[0]]["stage"] == "tag"
    assert read[TEXTS[1]]["stage"] == "llm"
    # The tiny model copies no word of the answer, so nothing of what they say counts.
    assert [read[text]["prediction"] for text in TEXTS[2:]] == [None, None]
    audit = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert audit["parser"].startswith("hybrid-")
    assert audit["rules_against_llm"]["n"] == 8
    ledger = tmp_path / "reader.ledger.jsonl"
    with Ledger(ledger) as held:
        replies = list(held.entries())
    # The server holds the model to the schema, as far as the tokens reach.
    assert {one.label.startswith("word: ") for one in replies} == {True, False}
    for one in replies:
        key = "class" if one.label.startswith("word: ") else "emotion"
        assert re.match(rf'\s*\{{\s*"{key}"', one.text), one.text
    before = ledger.read_bytes(), (tmp_path / "scores.json").read_bytes()
    assert "asked 0 times" in whyser("whyser-eval", *scoring)
    assert (ledger.read_bytes(), (tmp_path / "scores.json").read_bytes()) == before
