"""Real runs of the shipped YAMLs on the tiny model, by their launch lines at a small size."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Launch = Callable[..., Path]
Needs = Callable[[str, str], None]

#: Two ranks on one machine without a GPU, and the 8 rows of a step shared between them.
TWO_RANKS = {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "2", "DS_ACCELERATOR": "cpu"}
HALF_EACH = ("gradient_accumulation_steps=4", "ddp_backend=gloo")


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    (file,) = folder.glob("*model.safetensors")
    return load_file(file)


def moved(folder: Path) -> set[str]:
    """Modules whose adapter was really trained: lora_B starts at zero."""
    found = {name for name, value in weights(folder).items() if "lora_B" in name and value.any()}
    return {re.sub(r"^base_model\.model\.|\.lora_B\.weight$", "", name) for name in found}


def state(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))


def losses(folder: Path, key: str = "loss") -> list[float]:
    return [entry[key] for entry in state(folder)["log_history"] if key in entry]


QKVO_AND_HEAD = {"language_model.lm_head"} | {
    f"language_model.model.layers.{layer}.self_attn.{projection}_proj"
    for layer in range(3)
    for projection in "qkvo"
}


# ---- one process ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def row_11(launch: Launch) -> Path:
    """Row 11, evaluated and saved in every step, so through early stopping and load-best too."""
    return launch("qwen2audio/lora_sft_reason", "eval_steps=1", "save_steps=1")


@pytest.fixture(scope="session")
def row_10(launch: Launch) -> Path:
    return launch("qwen2audio/lora_sft_label")


def test_row_11_trains_exactly_qkvo_and_the_head(row_11: Path) -> None:
    assert moved(row_11) == QKVO_AND_HEAD
    assert len(losses(row_11)) == len(losses(row_11, "eval_loss")) == 2
    assert state(row_11)["best_model_checkpoint"]
    assert "EarlyStoppingCallback" in state(row_11)["stateful_callbacks"]


def test_row_10_trains_the_same_weights_on_another_target(row_10: Path, row_11: Path) -> None:
    assert moved(row_10) == QKVO_AND_HEAD
    assert losses(row_10) != losses(row_11)


@pytest.mark.parametrize("kind", ["rationale", "label"])
def test_dpo_learns_to_prefer_what_is_true(
    launch: Launch, cli: Callable[..., str], workplace: Path, row_11: Path, kind: str
) -> None:
    """Four pairs in one batch, seen at every step, so that a step must widen their margin."""
    cli("whyser-convert", "preference", "u/msp_podcast/utterances.jsonl", "--split", "train",
        "--rationales", "rationales.jsonl", "--cues", "cues.jsonl", "--pairs", kind,
        "--max-samples", "4", "--output", f"data/sharegpt/pairs_{kind}",
        "--dataset-info", "dataset_info.json", cwd=workplace)  # fmt: skip
    folder = launch(
        "qwen2audio/lora_dpo", f"dataset=pairs_{kind}", f"adapter_name_or_path={row_11}",
        "per_device_train_batch_size=4", "gradient_accumulation_steps=1", "max_steps=4",
        "learning_rate=5e-3", "lr_scheduler_type=constant", output=f"out/dpo_{kind}",
    )  # fmt: skip
    assert moved(folder) == QKVO_AND_HEAD
    margins, accuracies = losses(folder, "rewards/margins"), losses(folder, "rewards/accuracies")
    print(f"\nDPO on {kind} pairs, reward margins: {[round(one, 3) for one in margins]}")
    # The new adapter starts as nothing, so policy and reference agree: the loss of a fair coin.
    assert losses(folder)[0] == pytest.approx(math.log(2), abs=1e-3)
    assert margins[0] == pytest.approx(0, abs=1e-3)
    assert margins == sorted(margins)
    assert margins[-1] > 0.1
    assert accuracies[-1] == 1


def test_the_mixture_holds_every_task_in_equal_shares(launch: Launch, workplace: Path) -> None:
    folder = launch("qwen2audio/lora_sft_mixture", "num_train_epochs=1", "max_steps=-1")
    rows = json.loads((workplace / "data/sharegpt/whyser_task_asr.json").read_text("utf-8"))
    steps = state(folder)["max_steps"]
    assert 4 * (len(rows) - 1) <= 8 * steps <= 4 * len(rows) + 8


def test_sampled_labels_are_read_in_the_order_of_their_blocks(
    launch: Launch, workplace: Path
) -> None:
    ordered = launch("qwen2audio/lora_sft_sampled", "gradient_accumulation_steps=1")
    again = launch("qwen2audio/lora_sft_sampled", "gradient_accumulation_steps=1",
                   "seed=7", output="out/sampled_7")  # fmt: skip
    # Another seed shuffles nothing; the first loss is that of the same row and model.
    assert losses(again)[0] == losses(ordered)[0]


def test_qlora_trains_on_4_bit_weights(needs: Needs, launch: Launch) -> None:
    needs("bitsandbytes", "pip install 'whyser[qlora]'")
    folder = launch("qwen2audio/qlora_sft_reason")
    assert moved(folder) == QKVO_AND_HEAD


# ---- what is made of it ---------------------------------------------------------------------


def test_an_export_answers_as_model_and_adapter_do(launch: Launch, workplace: Path) -> None:
    adapter = launch("qwen2audio/lora_sft_reason", "learning_rate=0.05", "warmup_ratio=0",
                     output="out/strong")  # fmt: skip
    merged = launch("qwen2audio/lora_export", f"adapter_name_or_path={adapter}",
                    "infer_dtype=float32")  # fmt: skip
    both = ("max_new_tokens=8", "max_samples=4")
    of_adapter = launch("qwen2audio/lora_predict", f"adapter_name_or_path={adapter}", *both)
    of_merged = launch("qwen2audio/full_predict", f"model_name_or_path={merged}", *both)
    told, merged_told = (
        (folder / "generated_predictions.jsonl").read_text("utf-8")
        for folder in (of_adapter, of_merged)
    )
    assert told == merged_told
    before, after = weights(workplace / "model"), weights(merged)
    name = "language_model.model.layers.0.self_attn.q_proj.weight"
    assert (before[name] != after[name]).any()


def test_predictions_join_their_manifest(
    launch: Launch, cli: Callable[..., str], workplace: Path
) -> None:
    generated = launch("tiny/full_predict", "dataset_dir=.", "eval_dataset=whyser_test_closed",
                       "max_new_tokens=4")  # fmt: skip
    cli("whyser-eval", "join", "--manifest", "data/sharegpt/whyser_test_closed.manifest.jsonl",
        "--predictions", generated / "generated_predictions.jsonl", "--output", "p.jsonl",
        cwd=workplace)  # fmt: skip
    cli("whyser-eval", "score", "--references", "u/msp_podcast/utterances.jsonl",
        "--split", "test1", "--predictions", "p.jsonl", "--output", "results",
        cwd=workplace)  # fmt: skip
    assert (workplace / "results" / "scores.json").is_file()


# ---- resume ---------------------------------------------------------------------------------


def test_a_killed_run_ends_as_one_that_was_never_interrupted(
    launch: Launch, command: Callable[[str], Any], small: tuple[str, ...], workplace: Path
) -> None:
    longer = ("max_steps=12", "save_steps=4", "learning_rate=1e-3",
              "gradient_accumulation_steps=2", 'eval_strategy="no"', "load_best_model_at_end=false",
              "early_stopping_steps=null")  # fmt: skip
    whole = launch("qwen2audio/lora_sft_reason", *longer, output="out/whole")
    killed = workplace / "out/killed"
    _, words = command("qwen2audio/lora_sft_reason")
    kill_after(killed / "checkpoint-4/trainer_state.json",
               [*words, *small, *longer, "output_dir=out/killed"], workplace)  # fmt: skip
    assert not (killed / "adapter_model.safetensors").exists()

    resumed = launch("qwen2audio/lora_sft_reason", *longer, output="out/killed")
    assert losses(resumed) == losses(whole)
    assert state(resumed)["global_step"] == 12
    for name, value in weights(whole).items():
        assert (weights(resumed)[name] == value).all(), name
    # It went on and did not start over: less was trained than in the whole run.
    log = (resumed / "trainer_log.jsonl").read_text("utf-8").splitlines()
    assert len(log) < 2 * 12 + 2


def kill_after(file: Path, words: list[str], cwd: Path) -> None:
    """Kills a command, whatever it has started too, as soon as it has written the file."""
    started = subprocess.Popen(
        [str(Path(sysconfig.get_path("scripts")) / words[0]), *words[1:]],
        cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 300
    while not file.exists() and started.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL, "it ended before it could be killed"


# ---- several processes ----------------------------------------------------------------------


def test_two_ranks_train_as_one_process_does(launch: Launch, row_11: Path) -> None:
    folder = launch("qwen2audio/lora_sft_reason", *HALF_EACH, output="out/ddp", **TWO_RANKS)
    assert moved(folder) == QKVO_AND_HEAD
    assert losses(folder) == pytest.approx(losses(row_11), rel=1e-3)


def test_zero_2_trains_as_one_process_does(needs: Needs, launch: Launch, row_11: Path) -> None:
    needs("deepspeed", "pip install 'whyser[deepspeed]'")
    folder = launch("qwen2audio/lora_sft_reason_zero2", HALF_EACH[0], **TWO_RANKS)
    assert moved(folder) == QKVO_AND_HEAD
    assert losses(folder) == pytest.approx(losses(row_11), rel=1e-3)


def test_full_under_zero_3_runs_and_saves_every_weight(
    needs: Needs, launch: Launch, workplace: Path
) -> None:
    """Not what it learns: on CPU ranks DeepSpeed 0.18.4 gathers wrong values in some runs
    (docs/scale.md). Which weights train is seen in tests/llamafactory_configs/test_trained.py."""
    needs("deepspeed", "pip install 'whyser[deepspeed]'")
    folder = launch("qwen2audio/full_sft_reason", HALF_EACH[0], **TWO_RANKS)
    assert len(losses(folder)) == 2
    before, after = weights(workplace / "model"), weights(folder)
    assert {name: value.shape for name, value in before.items()} == {
        name: value.shape for name, value in after.items()
    }


#: LLaMA-Factory 0.9.5 reserves ten CPUs for every device of the cluster, and on a machine without
#: GPUs takes its CPUs for devices: ten times what there is. Only that number is played; placing,
#: workers, process group and training are theirs.
RAY = """
import sys
from llamafactory.train import trainer_utils, tuner
reserve = trainer_utils.get_placement_group
tuner.get_placement_group = lambda devices: reserve(2)
from llamafactory.launcher import launch
sys.argv = ["llamafactory-cli", *sys.argv[1:]]
launch()
"""


def test_two_workers_of_ray_train_as_one_process_does(
    needs: Needs,
    command: Callable[[str], Any],
    small: tuple[str, ...],
    workplace: Path,
    row_11: Path,
) -> None:
    needs("ray", "pip install 'whyser[ray]'")
    settings, words = command("qwen2audio/lora_sft_reason_ray")
    given = ("ray_num_workers=2", "ray_init_kwargs={num_cpus: 20}", "output_dir=out/ray")
    done = subprocess.run(
        [sys.executable, "-c", RAY, *words[1:], *small, *HALF_EACH, *given],
        cwd=workplace, capture_output=True, text=True, check=False,
        env={**os.environ, **settings, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert moved(workplace / "out/ray") == QKVO_AND_HEAD
    assert losses(workplace / "out/ray") == pytest.approx(losses(row_11), rel=1e-3)
