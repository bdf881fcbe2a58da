"""A related architecture under `llamafactory-cli api`: it answers as `do_predict` does, and
`whyser-eval predict` asks it like any other system."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import CONFIGS, SCRIPTS, free_port, run, running, whyser

pytestmark = pytest.mark.slow

TOKENS = 12


def texts(path: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row["text"].strip() for row in rows}


@pytest.fixture(scope="module")
def folder(
    needs: Callable[[str, str], None],
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The rows of a test split, and a model with random weights: whether it hears is not asked."""
    needs("llamafactory", "pip install 'whyser[train]'")
    folder = tmp_path_factory.mktemp("speechlm")
    whyser("whyser-convert", "ravdess", native_corpora / "ravdess", "u", cwd=folder)
    whyser("whyser-convert", "sharegpt", "u/ravdess/utterances.jsonl", "--split", "test",
           "--target", "label", "--output", "rows/whyser_test_open", cwd=folder)  # fmt: skip
    whyser("whyser-demo", "model", "tiny", cwd=folder)
    whyser("whyser-demo", "encoder", "wavlm", cwd=folder)
    whyser("whyser-speechlm", "build", "dual_encoder", "--speech", "tiny", "--emotion", "wavlm",
           "--llm", "tiny", "--content-tokens", "20", "--width", "32", "--output", "model",
           cwd=folder)  # fmt: skip
    run(["llamafactory-cli", "train", CONFIGS / "tiny/full_predict.yaml", "dataset_dir=rows",
         "model_name_or_path=model", "trust_remote_code=true", "output_dir=generated",
         f"max_new_tokens={TOKENS}", "preprocessing_num_workers=1"], folder)  # fmt: skip
    return folder


def test_it_answers_as_do_predict_does(folder: Path, native_corpora: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(str(SCRIPTS / "llamafactory-cli"), "api", "--model_name_or_path", "model"),
        *("--template", "qwen2_audio", "--infer_backend", "huggingface"),
        *("--infer_dtype", "float32", "--trust_remote_code", "true"),
    ]
    environment = {
        "API_HOST": "127.0.0.1",
        "API_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "ALLOW_LOCAL_FILES": "1",
        "SAFE_MEDIA_PATH": str(native_corpora.parent),
    }
    with running(command, url, folder / "api.log", cwd=folder, **environment) as is_up:
        is_up()
        whyser("whyser-eval", "predict", "u/ravdess/utterances.jsonl", "--split", "test",
               "--form", "open", "--endpoint", url, "--model", "speechlm", "--concurrency", "1",
               "--audio", "path", "--max-tokens", TOKENS, "--output", "asked.jsonl",
               cwd=folder)  # fmt: skip
    whyser("whyser-eval", "join", "--manifest", "rows/whyser_test_open.manifest.jsonl",
           "--model", "m", "--predictions", "generated/generated_predictions.jsonl",
           "--output", "generated.jsonl", cwd=folder)  # fmt: skip
    asked, generated = texts(folder / "asked.jsonl"), texts(folder / "generated.jsonl")
    assert len(set(asked.values())) > 1
    assert asked == generated
