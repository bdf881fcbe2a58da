"""Real runs of llamafactory-cli on the tiny model and the miniature corpora."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.llamafactory


def cli(*arguments: str | Path, cwd: Path) -> str:
    """Runs a command of this environment; its output when it ends well."""
    command, *rest = map(str, arguments)
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / command), *rest],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def workplace(native_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CREMA-D's miniature brought to a LLaMA-Factory dataset, and the tiny model beside it."""
    folder = tmp_path_factory.mktemp("run")
    cli("whyser-convert", "crema_d", native_corpora / "crema_d", "u", cwd=folder)
    utterances = "u/crema_d/utterances.jsonl"
    cli("whyser-teach", "cues", utterances, "--output", "cues.jsonl", cwd=folder)
    cli("whyser-teach", "measured", utterances, "--cues", "cues.jsonl",
        "--output", "rationales.jsonl", cwd=folder)  # fmt: skip
    cli("whyser-convert", "sharegpt", utterances, "--split", "train",
        "--rationales", "rationales.jsonl", "--output", "rows/whyser_train_reason",
        cwd=folder)  # fmt: skip
    cli("whyser-convert", "sharegpt", utterances, "--split", "test", "--target", "label",
        "--output", "rows/whyser_test_open", cwd=folder)  # fmt: skip
    cli("whyser-demo", "model", "model", cwd=folder)
    return folder


def test_two_lora_steps_train_exactly_qkvo_and_the_head(root: Path, workplace: Path) -> None:
    from safetensors import safe_open

    cli("llamafactory-cli", "train", root / "llamafactory_configs/tiny_lora_sft_reason.yaml",
        "dataset_dir=rows", "model_name_or_path=model", "output_dir=lora", "max_steps=2",
        "logging_steps=1", cwd=workplace)  # fmt: skip
    with safe_open(workplace / "lora" / "adapter_model.safetensors", framework="np") as adapter:
        names = set(adapter.keys())
        moved = {name for name in names if "lora_B" in name and adapter.get_tensor(name).any()}
    modules = {re.sub(r"^base_model\.model\.|\.lora_[AB]\.weight$", "", name) for name in names}
    layers = {
        int(found.group(1)) for name in modules if (found := re.search(r"layers\.(\d+)", name))
    }
    assert modules == {"language_model.lm_head"} | {
        f"language_model.model.layers.{layer}.self_attn.{projection}_proj"
        for layer in layers
        for projection in "qkvo"
    }
    assert layers == set(range(len(layers)))
    # lora_B starts at zero: what is not zero any more was really trained.
    assert {re.sub(r"\.lora_B\.weight$", "", name) for name in moved} == {
        f"base_model.model.{module}" for module in modules
    }


def test_predictions_join_their_manifest(root: Path, workplace: Path) -> None:
    cli("llamafactory-cli", "train", root / "llamafactory_configs/tiny_full_predict_open.yaml",
        "dataset_dir=rows", "model_name_or_path=model", "output_dir=generated",
        "max_new_tokens=8", cwd=workplace)  # fmt: skip
    cli("whyser-eval", "join", "--manifest", "rows/whyser_test_open.manifest.jsonl",
        "--predictions", "generated/generated_predictions.jsonl", "--output", "p.jsonl",
        cwd=workplace)  # fmt: skip
    cli("whyser-eval", "score", "--references", "u/crema_d/utterances.jsonl",
        "--predictions", "p.jsonl", "--output", "results", cwd=workplace)  # fmt: skip
    assert (workplace / "results" / "scores.json").is_file()
