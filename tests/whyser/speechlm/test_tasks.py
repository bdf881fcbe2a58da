"""The task of a sample decides which branch learns, as its gradients show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from whyser.assembly.tokens import transcript_marks
from whyser.prompting.answer import render_answer
from whyser.records.utterance import RESERVED
from whyser.speechlm.configuration_speechlm import SpeechLMConfig
from whyser.speechlm.tasks import learners, taught

RECIPES = ("dual_encoder", "vib_hubert")
CONTENT, EMOTION = "content_connector", "emotion_connector"

Gradients = dict[str, Tensor | None]


def gradients(model: Any, batch: dict[str, Any]) -> Gradients:
    model.zero_grad(set_to_none=True)
    model(**batch).loss.backward()
    return {name: weights.grad for name, weights in model.named_parameters()}


def of(found: Gradients, part: str) -> list[Tensor | None]:
    return [gradient for name, gradient in found.items() if name.startswith(part)]


def moves(found: Gradients, part: str) -> bool:
    """All of its weights or none: anything between is a fault."""
    own = of(found, part)
    if all(gradient is None for gradient in own):
        return False
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in own)
    return True


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("tasks", "content", "emotion"),
    [
        (["asr"], True, False),
        (["asr", "asr"], True, False),
        (["label"], False, True),
        (["descriptors"], False, True),
        (["reason_unheard", "label"], False, True),
        (["reason"], False, True),
        (["asr", "label"], True, True),
    ],
)
def test_the_task_moves_its_branch_alone(
    recipe: str, tasks: list[str], content: bool, emotion: bool, loaded: Any, batch: Any
) -> None:
    model, processor = loaded(recipe)
    found = gradients(model.train(), batch(processor, tasks))
    assert (moves(found, CONTENT), moves(found, EMOTION)) == (content, emotion)
    assert moves(found, "language_model")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("task", ["asr", "label"])
def test_in_the_last_epoch_each_sample_moves_both(
    recipe: str, task: str, loaded: Any, batch: Any
) -> None:
    model, processor = loaded(recipe)
    model.train().is_last_epoch = True
    found = gradients(model, batch(processor, [task]))
    assert moves(found, CONTENT) and moves(found, EMOTION)


def test_without_alternation_each_sample_moves_both(loaded: Any, batch: Any) -> None:
    model, processor = loaded("dual_encoder", alternates=False)
    assert model.config.transcript_start == []
    found = gradients(model.train(), batch(processor, ["asr"]))
    assert moves(found, CONTENT) and moves(found, EMOTION)


@pytest.mark.parametrize("recipe", [*RECIPES, "semollm"])
def test_encoders_never_move(recipe: str, loaded: Any, batch: Any) -> None:
    model, processor = loaded(recipe)
    model.train().is_last_epoch = True
    found = gradients(model, batch(processor, ["reason"]))
    for kind, encoder in model.encoders().items():
        assert of(found, f"{kind}_encoder") == [None] * len(list(encoder.parameters()))
        assert not any(weights.requires_grad for weights in encoder.parameters())
        assert not any(module.training for module in encoder.modules())
    assert model.language_model.training


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_mixed_batch_gives_each_branch_what_its_own_samples_give(
    recipe: str, loaded: Any, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task's loss is a mean over tokens, the KL term one over clips: alone, both are larger by
    what the others' share was."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    model, processor = loaded(recipe)
    model.train()
    tasks = ["asr", "label", "reason", "descriptors"]
    together = batch(processor, tasks)
    mixed = gradients(model, together)
    tokens = (together["labels"] != -100).sum()
    for branch, own in (
        ("content", ["asr"]),
        ("emotion", ["label", "reason", "descriptors"]),
    ):
        alone = batch(processor, own)
        share = (alone["labels"] != -100).sum() / tokens
        both = gradients(model, alone)
        task = _without_divergence(model, alone)
        for name, gradient in mixed.items():
            if not name.startswith(f"{branch}_connector"):
                continue
            divergence = both[name] - task[name]
            expected = share * task[name] + len(own) / len(tasks) * divergence
            torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-3)


def _without_divergence(model: Any, batch: dict[str, Any]) -> Gradients:
    """Gradients of the task's loss alone."""
    model.pressure = 0.0
    found = gradients(model, batch)
    model.pressure = 1.0
    return found


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_optimizer_leaves_the_other_branch_to_the_bit(
    recipe: str, loaded: Any, batch: Any
) -> None:
    """Momentum and weight decay move whatever has a gradient, of zero too."""
    model, processor = loaded(recipe)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    gradients(model, batch(processor, ["reason"]))
    optimizer.step()
    before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
    gradients(model, batch(processor, ["asr"]))
    optimizer.step()
    moved = {name for name, weights in model.named_parameters() if not weights.equal(before[name])}
    assert not [name for name in moved if name.startswith((EMOTION, "speech_", "emotion_encoder"))]
    assert {name for name in before if name.startswith(CONTENT)} <= moved


def test_a_gradient_is_cut_and_not_zeroed_where_nothing_learns() -> None:
    features = torch.ones(2, 3, requires_grad=True)
    assert not taught(features, torch.tensor([False, False])).requires_grad
    some = taught(features, torch.tensor([True, False]))
    some.sum().backward()
    assert some.tolist() == features.tolist()
    assert features.grad is not None and features.grad.tolist() == [[1.0] * 3, [0.0] * 3]


# ---- the task, read from the answer's tokens -----------------------------------------------------


@pytest.fixture(scope="module", params=["qwen2_audio", "llama"])
def tokenizer(request: pytest.FixtureRequest, part: Callable[[str], Any]) -> Any:
    own = transformers.AutoTokenizer.from_pretrained(part(request.param))
    own.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    return own


def _learns(tokenizer: Any, answer: str, cut: int | None = None) -> tuple[bool, bool]:
    start, end = transcript_marks(tokenizer)
    config = SpeechLMConfig(
        transcript_start=start,
        transcript_end=end,
        turn_end=tokenizer.convert_tokens_to_ids("<|im_end|>"),
    )
    ids = tokenizer.encode(f"{answer}<|im_end|>\n", add_special_tokens=False)[:cut]
    found = learners(torch.tensor([[-100, -100, *ids, -100]]), config)
    return bool(found["content"]), bool(found["emotion"])


# Hypothesis tries constants of the source too, among them the tags, which no text may hold.
PRINTABLE = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1, max_size=40
).filter(lambda text: not RESERVED.search(text))
LABELS = st.sampled_from(["sad", "happy", "neutral"])
_quickly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_quickly
@given(transcript=PRINTABLE)
@example(transcript=">")
@example(transcript="asr>")
@example(transcript=" ")
@example(transcript="/")
@example(transcript="<")
@example(transcript="</")
@example(transcript="<laugh>")
@example(transcript="\u0301a")
def test_a_transcript_teaches_content_alone(tokenizer: Any, transcript: str) -> None:
    answer = render_answer(None, transcript=transcript, target="asr")
    assert _learns(tokenizer, answer) == (True, False)


@_quickly
@given(transcript=PRINTABLE, rationale=PRINTABLE, label=LABELS)
def test_a_transcript_and_more_teach_emotion_alone(
    tokenizer: Any, transcript: str, rationale: str, label: Any
) -> None:
    for target in ("reason", "label", "reason_first", "interleaved"):
        answer = render_answer(label, transcript=transcript, rationale=rationale, target=target)
        assert _learns(tokenizer, answer) == (False, True)


@_quickly
@given(text=PRINTABLE, label=LABELS)
def test_an_answer_without_transcript_teaches_emotion_alone(
    tokenizer: Any, text: str, label: Any
) -> None:
    for answer in (
        render_answer(label, target="label"),
        render_answer(label, rationale=text),
        render_answer(label, rationale=text, target="reason_first"),
        render_answer(label, descriptors=text, target="descriptors"),
    ):
        assert _learns(tokenizer, answer) == (False, True)
