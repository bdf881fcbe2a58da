"""The listening teacher against the servers that users run; the tiny model answers nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest

from whyser.chat import Ledger
from whyser.teacher.rationale import read_rationales

from .conftest import Served, whyser

pytestmark = pytest.mark.slow

COUNT = 6


@pytest.fixture(scope="module")
def utterances(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    whyser("whyser-convert", "crema_d", native_corpora / "crema_d", folder)
    return folder / "crema_d/utterances.jsonl"


@pytest.mark.parametrize(
    ("server", "form"),
    [
        ("vllm", "data"),
        ("vllm", "input_audio"),
        ("vllm", "file"),
        ("llamafactory_api", "path"),
    ],
)
def test_it_is_asked_answers_and_is_not_asked_again(
    request: pytest.FixtureRequest, utterances: Path, tmp_path: Path, server: str, form: str
) -> None:
    served = request.getfixturevalue(server)
    assert form in served.forms
    output = tmp_path / "rationales.jsonl"
    asking = (
        *("whyser-teach", "listening", utterances, "--output", output, "--endpoint", served.url),
        *("--model", served.model, "--audio", form, "--max-samples", COUNT),
        *("--new-attempts", 1, "--concurrency", 4),
    )
    said = whyser(*asking)
    rationales = list(read_rationales(output))
    assert len(rationales) == COUNT
    # A model with random weights keeps no rule; that each was judged is what matters here.
    assert {one.attempts for one in rationales} <= {1, 2}
    assert all(one.text for one in rationales if one.kept)
    with Ledger(output.with_suffix(".ledger.jsonl")) as ledger:
        answered = len(ledger)
    assert COUNT <= answered <= 2 * COUNT
    cells = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["asked", str(answered)] in cells
    before = output.read_bytes()
    again = [line.replace("│", " ").split() for line in whyser(*asking).splitlines()]
    assert ["asked", "0"] in again
    assert output.read_bytes() == before


def test_three_ways_to_send_a_sound_are_heard_alike(
    vllm: Served, utterances: Path, tmp_path: Path
) -> None:
    texts = []
    for form in ("data", "input_audio", "file"):
        output = tmp_path / f"{form}.jsonl"
        whyser(
            *("whyser-teach", "listening", utterances, "--output", output),
            *("--endpoint", vllm.url, "--model", vllm.model),
            *("--audio", form, "--max-samples", 2, "--new-attempts", 0, "--concurrency", 1),
        )
        texts.append([one.text for one in read_rationales(output)])
    assert texts[0] == texts[1] == texts[2]
