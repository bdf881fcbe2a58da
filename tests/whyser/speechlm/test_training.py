"""Training with the real Trainer: epochs, terms of the loss, and encoders that stay frozen."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import trainer

from whyser.speechlm.training import Terms, TrainingCallback, follow_trainers, is_last_epoch


class Moved(transformers.TrainerCallback):
    """Notes before each update which branches have a gradient."""

    def __init__(self) -> None:
        self.branches: list[str] = []

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        branches = {
            name.split("_connector")[0].rpartition(".")[2]
            for name, weights in model.named_parameters()
            if "_connector." in name and weights.grad is not None
        }
        self.branches.append(" ".join(sorted(branches)))


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., tuple[Any, Moved]]:
    """The Trainer after it has trained a model by batches, one after the other."""

    def train(model: Any, batches: Sequence[dict[str, Any]], **given: Any) -> tuple[Any, Moved]:
        settings: dict[str, Any] = dict(
            num_train_epochs=2,
            per_device_train_batch_size=1,
            logging_steps=1,
            learning_rate=1e-4,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            remove_unused_columns=False,
            disable_tqdm=True,
        )
        arguments = transformers.TrainingArguments(output_dir=tmp_path, **settings | given)
        moved = Moved()
        # As LLaMA-Factory does, before it makes its trainer.
        model.train()
        one = transformers.Trainer(
            model,
            arguments,
            train_dataset=list(batches),
            data_collator=lambda rows: rows[0],
            callbacks=[moved],
        )
        one.train()
        return one, moved

    return train


def _logs(found: Any) -> list[dict[str, float]]:
    return [entry for entry in found.state.log_history if "loss" in entry]


def test_branches_alternate_until_the_last_epoch(loaded: Any, batch: Any, trained: Any) -> None:
    model, processor = loaded("dual_encoder")
    found, moved = trained(model, [batch(processor, ["asr"])] * 2)
    assert moved.branches == ["content", "content", "content emotion", "content emotion"]
    assert [entry["step"] for entry in _logs(found)] == [1, 2, 3, 4]


def test_of_a_number_of_steps_the_last_epoch_is_found_too(
    loaded: Any, batch: Any, trained: Any
) -> None:
    model, processor = loaded("dual_encoder")
    _, moved = trained(model, [batch(processor, ["label"])] * 2, max_steps=4)
    assert moved.branches == ["emotion", "emotion", "content emotion", "content emotion"]


def test_terms_of_the_loss_are_logged(loaded: Any, batch: Any, trained: Any) -> None:
    model, processor = loaded("vib_hubert")
    found, _ = trained(model, [batch(processor, ["asr", "label"])] * 2)
    # Its weight grows over the first half of the updates: 0, a half, 1, 1.
    for pressure, entry in zip((0, 0.5, 1, 1), _logs(found), strict=True):
        assert {"loss_task", "kl_content", "kl_emotion"} <= entry.keys()
        assert entry["kl_content"] > 0 and entry["kl_emotion"] > 0
        weighed = pressure * (5e-3 * entry["kl_content"] + 1e-3 * entry["kl_emotion"])
        assert entry["loss"] == pytest.approx(entry["loss_task"] + weighed, abs=2e-4)


def test_without_weight_there_is_no_term(loaded: Any, batch: Any, trained: Any) -> None:
    model, processor = loaded("vib_hubert", content_beta=0.0, emotion_beta=0.0)
    found, _ = trained(model, [batch(processor, ["asr", "label"])])
    for entry in _logs(found):
        assert entry["loss"] == pytest.approx(entry["loss_task"], abs=2e-4)
        assert not [name for name in entry if name.startswith("kl_")]


def test_accumulated_steps_count_each_term_once(loaded: Any, batch: Any, trained: Any) -> None:
    """Two equal halves of an update are that update."""
    logs = []
    for steps in (1, 2):
        model, processor = loaded("vib_hubert", content_beta=0.1, emotion_beta=0.1)
        given = [batch(processor, ["asr", "label"])] * steps
        found, _ = trained(model, given, gradient_accumulation_steps=steps, num_train_epochs=1)
        logs.append(_logs(found)[0])
    for name in ("loss", "loss_task", "kl_content", "kl_emotion"):
        # The bottleneck draws anew.
        assert logs[1][name] == pytest.approx(logs[0][name], rel=0.02)


def test_an_encoder_under_lora_is_refused(loaded: Any, batch: Any, trained: Any) -> None:
    peft = pytest.importorskip("peft")
    model, processor = loaded("dual_encoder")
    adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj"], r=2))
    with pytest.raises(ValueError, match=r"_encoder\..* would be trained.*lora_target.*o_proj"):
        trained(adapted, [batch(processor, ["asr"])])


@pytest.mark.parametrize("recipe", ["dual_encoder", "vib_hubert", "semollm"])
def test_names_that_are_advised_lie_in_the_language_model_alone(
    recipe: str, loaded: Any, batch: Any, trained: Any
) -> None:
    peft = pytest.importorskip("peft")
    model, processor = loaded(recipe)
    connectors = [f"{name}_connector" for name in model.config.branches]
    targets = ["o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
    settings = peft.LoraConfig(target_modules=targets, modules_to_save=connectors, r=2)
    adapted = peft.get_peft_model(model, settings)
    lora = [name for name, _ in adapted.named_parameters() if "lora_" in name]
    assert lora and all(".language_model." in name for name in lora)
    before = {name: weights.detach().clone() for name, weights in adapted.named_parameters()}
    trained(adapted, [batch(processor, ["reason"])], learning_rate=0.01, num_train_epochs=3)
    moved = {
        name for name, weights in adapted.named_parameters() if not weights.equal(before[name])
    }
    assert all("lora_" in name or "modules_to_save" in name for name in moved)
    assert set(lora) <= moved
    # The layers by which a Q-Former reads text rest once it only hears.
    reads = re.compile(r"\.layer\.\d+\.(intermediate|output)\.")
    hears = {name for name in before if "modules_to_save" in name and not reads.search(name)}
    assert hears <= moved


def test_a_foreign_model_is_left_alone(part: Callable[[str], Path], trained: Any) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(part("qwen2"))
    follow_trainers()
    ids = torch.arange(8)[None]
    found, _ = trained(model, [{"input_ids": ids, "labels": ids}])
    assert TrainingCallback in [type(one) for one in found.callback_handler.callbacks]
    assert all("loss_task" not in entry for entry in found.state.log_history)
    assert not hasattr(model, "is_last_epoch")


def test_trainers_are_followed_once(loaded: Any) -> None:
    before = list(trainer.DEFAULT_CALLBACKS)
    model, _ = loaded("dual_encoder")
    assert before == trainer.DEFAULT_CALLBACKS
    for _ in range(2):
        model.train()
        follow_trainers()
    assert [*before, TrainingCallback] == trainer.DEFAULT_CALLBACKS


def test_terms_are_means_and_begin_anew() -> None:
    terms = Terms()
    for value in (1.0, 2.0):
        terms.add({"loss_task": torch.tensor(value, requires_grad=True)})
    assert terms.told() == {"loss_task": 1.5}
    assert terms.told() == {}


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (7, 3), (10, 2.5), (5, 0.5), (100, 7)])
def test_the_last_epoch_is_one_epoch_long(steps: int, epochs: float) -> None:
    found = [is_last_epoch(step, steps, epochs) for step in range(steps)]
    assert found == sorted(found) and found[-1]
    assert sum(found) == min(steps, math.floor(steps / epochs))
