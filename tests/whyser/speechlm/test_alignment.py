"""The Q-Former's first stage: three losses, compared with calculations by hand where possible."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from whyser.speechlm.alignment import AlignmentHead, Text, answers, causal_mask
from whyser.speechlm.configuration_speechlm import BranchConfig
from whyser.speechlm.connectors import QFormer

QUERIES, WIDTH, STATES, WORDS, VOCABULARY = 3, 8, 6, 10, 20


@pytest.fixture
def qformer() -> QFormer:
    return QFormer(_branch(), STATES, WORDS).eval()


@pytest.fixture
def head() -> AlignmentHead:
    return AlignmentHead(_branch(), WORDS).eval()


def _branch() -> BranchConfig:
    return BranchConfig(
        encoder="emotion", connector="qformer", tokens=QUERIES, width=WIDTH, depth=2, heads=2
    )


def _sound(count: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(5)
    return torch.randn(count, 7, STATES, generator=random), torch.ones(count, 7).bool()


def _text(*rows: list[int]) -> Text:
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    is_text = torch.arange(width) < torch.tensor([len(row) for row in rows])[:, None]
    return Text(ids, is_text, _embeddings()[ids])


def _embeddings() -> Tensor:
    return torch.randn(VOCABULARY, WORDS, generator=torch.Generator().manual_seed(6))


def test_answers_of_different_lengths_are_moved_to_the_left() -> None:
    ids, is_text = answers(torch.tensor([[-100, 4, 5, -100], [-100, -100, 6, -100]]))
    assert ids[is_text].tolist() == [4, 5, 6]
    assert is_text.tolist() == [[True, True], [True, False]]


# ---- contrast ------------------------------------------------------------------------------------


def test_contrast_by_hand() -> None:
    # Rows: log(e^2 + 1) - 2 and log(1 + e^1) - 1; columns: the same by symmetry.
    similarity = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    found = AlignmentHead._contrast(similarity, torch.eye(2).bool())
    by_hand = (math.log(math.e**2 + 1) - 2 + math.log(1 + math.e) - 1) / 2
    assert found.item() == pytest.approx(by_hand, abs=1e-6)


def test_equal_texts_share_the_target() -> None:
    """Without, each would be pushed away from its own words."""
    similarity = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    found = AlignmentHead._contrast(similarity, torch.ones(2, 2).bool())
    # The first row and column: log(e^2 + 1) less the mean of 2 and 0; the second: log 2.
    by_hand = (math.log(math.e**2 + 1) - 1 + math.log(2)) / 2
    assert found.item() == pytest.approx(by_hand, abs=1e-6)


def test_similarity_is_the_closest_query_s(head: AlignmentHead, qformer: QFormer) -> None:
    states, frames = _sound(2)
    text = _text([3, 4], [5])
    found = head._similarity(qformer, states, frames, text)
    assert found.shape == (2, 2) and found.abs().max() <= 1 / 0.07 + 1e-3
    queries = torch.nn.functional.normalize(head.of_sound(qformer.asked(states, frames)), dim=-1)
    alone = _text([5])
    read = qformer.read(head._embedded(alone), torch.ones(1, 2, dtype=torch.long))[:, 0]
    words = torch.nn.functional.normalize(head.of_text(read), dim=-1)[0]
    closest = (queries[0] @ words).max().item() / 0.07
    assert found[0, 1].item() == pytest.approx(closest, abs=1e-3)


# ---- matching ------------------------------------------------------------------------------------


def test_in_a_batch_of_one_text_there_is_nothing_to_match(
    head: AlignmentHead, qformer: QFormer
) -> None:
    states, frames = _sound(3)
    found = head(qformer, states, frames, _text([3, 4], [3, 4], [3, 4]), _embeddings())
    assert found["matching"].item() == 0
    found["matching"].backward(retain_graph=True)
    assert found["contrast"].item() == pytest.approx(math.log(3), abs=1e-5)


def test_matching_asks_of_right_and_wrong_pairs(
    head: AlignmentHead, qformer: QFormer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sounds and two texts: each wrong one is the other, so that chance has no say. By hand:
    two pairs that belong together, and twice two that do not."""
    states, frames = _sound(2)
    text = _text([3, 4], [5, 6])
    found = head(qformer, states, frames, text, _embeddings())["matching"]
    logits = []
    for sound, words in ((0, 0), (1, 1), (0, 1), (1, 0), (1, 0), (0, 1)):
        row = text.of(torch.tensor([words]))
        seen = torch.ones(1, QUERIES + 3, dtype=torch.long)
        asked = qformer.asked(states[[sound]], frames[[sound]], head._embedded(row), seen)
        logits.append(head.belongs(asked[:, :QUERIES]).mean(1)[0])
    by_hand = cross_entropy(torch.stack(logits), torch.tensor([1, 1, 0, 0, 0, 0]))
    assert found.item() == pytest.approx(by_hand.item(), abs=1e-5)


# ---- generation ----------------------------------------------------------------------------------


def test_generation_is_the_mean_over_tokens_of_their_surprise(
    head: AlignmentHead, qformer: QFormer
) -> None:
    states, frames = _sound(2)
    rows = [[3, 4, 5], [6]]
    found = head(qformer, states, frames, _text(*rows), _embeddings())["generation"]
    surprises = []
    for place, row in enumerate(rows):
        logits = _logits(head, qformer, row, place)
        surprises += cross_entropy(logits, torch.tensor(row), reduction="none").tolist()
    assert found.item() == pytest.approx(sum(surprises) / 4, abs=1e-5)


def _logits(head: AlignmentHead, qformer: QFormer, row: list[int], sound: int = 0) -> Tensor:
    """Of each token, from what comes before it."""
    states, frames = _sound(2)
    text = _text(row)
    mask = causal_mask(QUERIES, torch.ones(1, 1 + len(row), dtype=torch.long))
    asked = qformer.asked(states[[sound]], frames[[sound]], head._embedded(text), mask)
    return (head.out(asked[:, QUERIES:-1]) @ _embeddings().T)[0]


@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_a_token_changes_nothing_before_it(
    changed: int, head: AlignmentHead, qformer: QFormer
) -> None:
    row = [3, 4, 5, 6]
    other = [*row[:changed], 9, *row[changed + 1 :]]
    before, after = _logits(head, qformer, row), _logits(head, qformer, other)
    torch.testing.assert_close(before[: changed + 1], after[: changed + 1])
    if changed < 3:
        assert (before[changed + 1 :] - after[changed + 1 :]).abs().amax(1).min() > 1e-6
    assert not torch.allclose(before, _logits(head, qformer, row, sound=1))


def test_queries_do_not_see_the_text(head: AlignmentHead, qformer: QFormer) -> None:
    states, frames = _sound(1)
    mask = causal_mask(QUERIES, torch.ones(1, 3, dtype=torch.long))
    asked = [
        qformer.asked(states, frames, head._embedded(_text(row)), mask)[:, :QUERIES]
        for row in ([3, 4], [5, 6])
    ]
    torch.testing.assert_close(*asked)
    torch.testing.assert_close(asked[0], qformer.asked(states, frames))


def test_a_text_that_is_read_hears_nothing_and_sees_no_padding(
    head: AlignmentHead, qformer: QFormer
) -> None:
    short = qformer.read(head._embedded(_text([3])), torch.ones(1, 2, dtype=torch.long))
    padded = qformer.read(head._embedded(_text([3], [4, 5]).of(torch.tensor([0]))),
                          torch.tensor([[1, 1, 0]]))  # fmt: skip
    torch.testing.assert_close(padded[:, :2], short)


# ---- the stage, in the model ---------------------------------------------------------------------


def _stage(model: Any, *names: str) -> Any:
    """Freeze tuning, as LLaMA-Factory does it: modules by name."""
    for name, weights in model.named_parameters():
        weights.requires_grad_(name.startswith(names))
    return model.train()


def _grads(model: Any) -> set[str]:
    """The parts that have a gradient."""
    return {
        name.split(".")[0]
        for name, weights in model.named_parameters()
        if weights.grad is not None and weights.grad.abs().sum() > 0
    }


def test_the_first_stage_moves_the_qformer_and_the_head(loaded: Any, batch: Any) -> None:
    model, processor = loaded("semollm")
    _stage(model, "emotion_connector", "alignment_head")
    found = model(**batch(processor, ["reason", "label", "descriptors"]))
    found.loss.backward()
    assert _grads(model) == {"emotion_connector", "alignment_head"}
    still = {
        name
        for name, weights in model.named_parameters()
        if name.startswith(("emotion_connector", "alignment_head")) and weights.grad is None
    }
    # What speaks to the language model waits for the next stage.
    assert still == {
        "emotion_connector.scale",
        "emotion_connector.compression.up.weight",
        "emotion_connector.compression.up.bias",
    }
    told = model.terms.told()
    assert told.keys() == {"loss_contrast", "loss_matching", "loss_generation"}
    assert found.loss.item() == pytest.approx(sum(told.values()), abs=1e-3)


def test_with_the_head_at_rest_the_loss_is_the_language_model_s(loaded: Any, batch: Any) -> None:
    model, processor = loaded("semollm")
    _stage(model, "emotion_connector")
    given = batch(processor, ["reason", "label"])
    found = model(**given)
    found.loss.backward()
    assert _grads(model) == {"emotion_connector"}
    assert model.terms.told().keys() == {"loss_task"}
    logits = found.logits[:, :-1].flatten(0, 1)
    expected = cross_entropy(logits, given["labels"][:, 1:].flatten(), ignore_index=-100)
    torch.testing.assert_close(found.loss, expected)


def test_the_stage_is_evaluated_by_its_own_losses(loaded: Any, batch: Any) -> None:
    model, processor = loaded("semollm")
    _stage(model, "emotion_connector", "alignment_head").eval()
    with torch.no_grad():
        found = model(**batch(processor, ["reason", "label"]))
    assert found.loss > 0 and found.logits.shape == (2, 1)
    assert model.terms.told() == {}
