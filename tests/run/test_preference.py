"""The pairs under LLaMA-Factory's DPO stage: a real run on the tiny model."""

from __future__ import annotations

import math
import subprocess
import sysconfig
from pathlib import Path

import pytest

from whyser.files import read_json

pytestmark = pytest.mark.llamafactory

#: Four pairs in one batch, seen at every step, so that a step must widen their margin.
DPO = (
    "stage: dpo", "do_train: true", "pref_beta: 0.1", "pref_loss: sigmoid",
    "model_name_or_path: model", "dataset_dir: rows", "dataset: whyser_train_preference",
    "template: qwen2_audio", "cutoff_len: 2048", "max_samples: 4", "overwrite_cache: true",
    "finetuning_type: lora", "lora_rank: 8", "lora_target: q_proj,k_proj,v_proj,o_proj,lm_head",
    "freeze_vision_tower: true", "freeze_multi_modal_projector: true",
    "per_device_train_batch_size: 4", "gradient_accumulation_steps: 1", "max_steps: 4",
    "learning_rate: 5.0e-3", "lr_scheduler_type: constant", "use_cpu: true", "seed: 42",
    "logging_steps: 1", 'save_strategy: "no"', "report_to: none", "overwrite_output_dir: true",
)  # fmt: skip


def cli(*arguments: str | Path, cwd: Path) -> None:
    """Runs a command of this environment, which must end well."""
    command, *rest = map(str, arguments)
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / command), *rest],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def workplace(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CREMA-D's miniature with cues and rationales, and the tiny model beside it."""
    folder = tmp_path_factory.mktemp("preference")
    cli("whyser-convert", "crema_d", native_corpora / "crema_d", "u", cwd=folder)
    utterances = "u/crema_d/utterances.jsonl"
    cli("whyser-teach", "cues", utterances, "--output", "cues.jsonl", cwd=folder)
    cli("whyser-teach", "measured", utterances, "--cues", "cues.jsonl",
        "--output", "rationales.jsonl", cwd=folder)  # fmt: skip
    cli("whyser-demo", "model", "model", cwd=folder)
    (folder / "dpo.yaml").write_text("\n".join(DPO), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["rationale", "label"])
def test_dpo_learns_to_prefer_what_is_true(workplace: Path, kind: str) -> None:
    cli("whyser-convert", "preference", "u/crema_d/utterances.jsonl", "--split", "train",
        "--rationales", "rationales.jsonl", "--cues", "cues.jsonl", "--pairs", kind,
        "--output", "rows/whyser_train_preference", cwd=workplace)  # fmt: skip
    cli("llamafactory-cli", "train", "dpo.yaml", f"output_dir=dpo_{kind}", cwd=workplace)
    log = read_json(workplace / f"dpo_{kind}" / "trainer_state.json")["log_history"]
    steps = [step for step in log if "rewards/margins" in step]
    margins = [step["rewards/margins"] for step in steps]
    print(f"\nDPO on {kind} pairs, reward margins: {[round(one, 3) for one in margins]}")
    assert len(steps) == 4
    assert all(math.isfinite(step["loss"]) for step in steps)
    # The adapter starts as nothing, so policy and reference agree: the loss of a fair coin.
    assert margins[0] == pytest.approx(0, abs=1e-4)
    assert steps[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert margins == sorted(margins)
    assert margins[-1] > 0.1
    assert steps[-1]["rewards/accuracies"] == 1
