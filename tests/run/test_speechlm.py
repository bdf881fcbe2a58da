"""The related architectures with the stock trainer: built from tiny parts, each stage trained by
its own YAML, and all steps after training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

Launch = Callable[..., Path]
Cli = Callable[..., str]

CONNECTORS = {
    "dual_encoder": ("content_connector", "emotion_connector"),
    "vib_hubert": ("content_connector", "emotion_connector"),
    "semollm": ("emotion_connector",),
}
#: The YAMLs of each recipe, one after the other.
STAGES = {
    "dual_encoder": ("speechlm/freeze_sft_dualencoder", "speechlm/lora_sft_dualencoder"),
    "vib_hubert": ("speechlm/freeze_sft_vibhubert", "speechlm/lora_sft_vibhubert"),
    "semollm": (
        "speechlm/freeze_sft_semollm_align",
        "speechlm/freeze_sft_semollm",
        "speechlm/lora_sft_semollm",
    ),
}
#: Two epochs of so few rows that the first alternates and the last does not.
SHORT = (
    *("max_steps=-1", "num_train_epochs=2", "max_samples=4", "learning_rate=1e-2"),
    *("warmup_ratio=0", "lr_scheduler_type=constant", "per_device_train_batch_size=2"),
    *("gradient_accumulation_steps=1", 'eval_strategy="no"', "load_best_model_at_end=false"),
    *("early_stopping_steps=null", 'save_strategy="no"'),
)


@dataclass
class Trained:
    """Folders: what was built, then what each stage wrote."""

    built: Path
    stages: list[Path]

    @property
    def checkpoint(self) -> tuple[str, ...]:
        return (
            f"model_name_or_path={self.stages[-2]}",
            f"adapter_name_or_path={self.stages[-1]}",
        )


@pytest.fixture(scope="module")
def trained(launch: Launch, cli: Cli, workplace: Path) -> Callable[[str], Trained]:
    """A recipe, trained by all of its YAMLs once."""
    found: dict[str, Trained] = {}
    for family in ("wavlm", "hubert"):
        cli("whyser-demo", "encoder", family, "--family", family, cwd=workplace)

    def of(recipe: str) -> Trained:
        if recipe not in found:
            speech = ("--speech", "model") if recipe == "dual_encoder" else ()
            emotion = "hubert" if recipe == "vib_hubert" else "wavlm"
            small = ("--width", "32", *(("--depth", "2", "--heads", "2") * (recipe == "semollm")))
            cli("whyser-speechlm", "build", recipe, *speech, "--emotion", emotion, "--llm", "model",
                *small, "--output", f"models/{recipe}", cwd=workplace)  # fmt: skip
            built = workplace / "models" / recipe
            folders = [built]
            for name in STAGES[recipe]:
                folders.append(launch(name, f"model_name_or_path={folders[-1]}", *SHORT))
            found[recipe] = Trained(built, folders[1:])
        return found[recipe]

    return of


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    (file,) = folder.glob("*model.safetensors")
    return load_file(file)


def logged(folder: Path) -> list[dict[str, float]]:
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return [entry for entry in state["log_history"] if "loss" in entry]


@pytest.mark.parametrize("recipe", STAGES)
def test_connectors_train_alone_then_with_lora_in_the_language_model(
    trained: Callable[[str], Trained], recipe: str
) -> None:
    run = trained(recipe)
    before = weights(run.built)
    for folder in run.stages[:-1]:
        after = weights(folder)
        moved = {name.split(".")[0] for name in before if (before[name] != after[name]).any()}
        first = {"alignment_head"} if folder.name.endswith("_align") else set()
        assert moved == {*CONNECTORS[recipe], *first}
        before = after
    adapter = weights(run.stages[-1])
    lora = {name.split(".lora_")[0] for name in adapter if ".lora_" in name}
    assert {name.removeprefix("base_model.model.").split(".")[0] for name in lora} == {
        "language_model"
    }
    assert {name.rpartition(".")[2] for name in lora} == {
        *("o_proj", "gate_proj", "up_proj", "down_proj", "lm_head")
    }
    # peft keeps the embeddings too where lm_head has an adapter; they do not train.
    whole = {name.split(".")[2] for name in adapter if ".lora_" not in name}
    assert whole - {"language_model"} == set(CONNECTORS[recipe])
    assert any(value.any() for name, value in adapter.items() if "lora_B" in name)


@pytest.mark.parametrize("recipe", STAGES)
def test_the_terms_of_the_loss_are_logged(trained: Callable[[str], Trained], recipe: str) -> None:
    first, *others = (logged(folder) for folder in trained(recipe).stages)
    if recipe == "semollm":
        for entry in first:
            terms = [entry[f"loss_{one}"] for one in ("contrast", "matching", "generation")]
            assert entry["loss"] == pytest.approx(sum(terms), abs=2e-3)
    else:
        others.append(first)
    for entries in others:
        assert entries
        for entry in entries:
            extra = {name for name in entry if name.startswith("kl_")}
            expected = {"kl_content", "kl_emotion"} if recipe == "vib_hubert" else set()
            assert extra == expected
            # The recipe's betas, which count little by little.
            most = entry["loss_task"] + 1e-2 * sum(entry[name] for name in extra)
            assert entry["loss_task"] - 2e-3 <= entry["loss"] <= most + 2e-3


@pytest.mark.parametrize("recipe", STAGES)
def test_answers_are_predicted_exported_joined_and_scored(
    trained: Callable[[str], Trained], launch: Launch, cli: Cli, workplace: Path, recipe: str
) -> None:
    run, few = trained(recipe), ("max_new_tokens=6",)
    generated = launch("speechlm/lora_predict", *run.checkpoint, *few,
                       output=f"out/{recipe}/p")  # fmt: skip
    merged = launch("speechlm/lora_export", *run.checkpoint, "infer_dtype=float32",
                    output=f"out/{recipe}/merged")  # fmt: skip
    again = launch("qwen2audio/full_predict", f"model_name_or_path={merged}",
                   "trust_remote_code=true", *few, output=f"out/{recipe}/m")  # fmt: skip
    told, merged_told = (
        (folder / "generated_predictions.jsonl").read_text(encoding="utf-8")
        for folder in (generated, again)
    )
    assert told == merged_told

    results = workplace / f"out/{recipe}/results"
    cli("whyser-eval", "join", "--model", recipe,
        "--manifest", "data/sharegpt/whyser_test_open.manifest.jsonl",
        "--predictions", generated / "generated_predictions.jsonl",
        "--output", results / "p.jsonl", cwd=workplace)  # fmt: skip
    cli("whyser-eval", "score", "--references", "u/msp_podcast/utterances.jsonl",
        "--split", "test1", "--predictions", results / "p.jsonl", "--output", results,
        cwd=workplace)  # fmt: skip
    cli("whyser-eval", "report", results, cwd=workplace)
    assert recipe in (results / "report.html").read_text(encoding="utf-8")
    assert cli("whyser-convert", "servable", merged, cwd=workplace)


def test_lora_in_an_encoder_is_refused_before_a_step(
    trained: Callable[[str], Trained], launch: Launch
) -> None:
    run = trained("dual_encoder")
    with pytest.raises(AssertionError, match="lora_target names a module that they have too"):
        launch("speechlm/lora_sft_dualencoder", f"model_name_or_path={run.stages[0]}",
               "lora_target=q_proj,v_proj", *SHORT, output="out/accident")  # fmt: skip


def test_without_trust_its_code_does_not_run(
    trained: Callable[[str], Trained], launch: Launch
) -> None:
    run = trained("dual_encoder")
    with pytest.raises(AssertionError, match="trust_remote_code=True"):
        launch("speechlm/lora_sft_dualencoder", f"model_name_or_path={run.stages[0]}",
               "trust_remote_code=false", *SHORT, output="out/distrust")  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "stage", "name"),
    [
        # What trains lies in layers that are checkpointed.
        ("dual_encoder", 1, "lora_sft_dualencoder"),
        ("semollm", 0, "freeze_sft_semollm_align"),
    ],
)
def test_two_ranks_train(
    trained: Callable[[str], Trained], launch: Launch, recipe: str, stage: int, name: str
) -> None:
    """Each rank sees other tasks, so that a branch may learn on one alone; their losses are no
    mean over the same tokens as one process has."""
    run = trained(recipe)
    start = [run.built, *run.stages][stage]
    two = launch(f"speechlm/{name}", f"model_name_or_path={start}", *SHORT,
                 "per_device_train_batch_size=1", "ddp_backend=gloo", output=f"out/two/{name}",
                 FORCE_TORCHRUN="1", NPROC_PER_NODE="2")  # fmt: skip
    alone, together = logged(run.stages[stage]), logged(two)
    assert len(together) == len(alone)
    assert all(math.isfinite(entry["loss"]) and entry["grad_norm"] > 0 for entry in together)
    assert {key for entry in together for key in entry if key.startswith("loss_")}
    before = weights(start)
    found = {key.removeprefix("base_model.model."): value for key, value in weights(two).items()}
    assert all(np.isfinite(value).all() for value in found.values())
    moved = [key for key in before.keys() & found.keys() if (before[key] != found[key]).any()]
    assert any("connector" in key for key in moved)
