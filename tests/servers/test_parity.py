"""Every path that answers sees the token ids of training, and answers alike.

The tiny model is trained for real, a LoRA on top, merged by the stock export, from a base whose
generation config samples and penalises, as those of instruct checkpoints do. It is asked about 20
clips that it was trained on: whether it hears is not the question here, and what it learnt by heart
differs from clip to clip.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .conftest import SCRIPTS, free_port, running

pytestmark = pytest.mark.slow

CLIPS = 20
#: Greedy answers that may differ: the last digit of a logit is the engine's own.
UNLIKE = 1
TOKENS = 100
STEPS = 90

PATHS = ("training", "do_predict", "api", "vllm offline", "vllm serve")
#: What an instruct checkpoint has in its generation_config.json.
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.5, "top_k": 20,
            "repetition_penalty": 1.1}  # fmt: skip

HERE = Path(__file__).resolve().parent
CONFIGS = HERE.parents[1] / "llamafactory_configs"
SERVE = CONFIGS / "serving/qwen2audio_vllm_serve.yaml"

Ids = list[list[int]]


@dataclass
class Seen:
    """Ids of the prompts that a path saw, and what it answered; training answers nothing."""

    ids: Ids
    answers: list[str] = field(default_factory=list)

    def alike(self, other: Seen) -> tuple[int, int]:
        """In how many clips the ids are those of another path, in how many the answers."""
        ids = sum(map(list.__eq__, self.ids, other.ids))
        return ids, sum(map(str.__eq__, self.answers, other.answers))


@dataclass
class Place:
    """The exported model as LLaMA-Factory left it, the same made servable, and the rows."""

    folder: Path
    merged: Path
    served: Path

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(
            (self.folder / "rows/whyser_test_open.json").read_text(encoding="utf-8")
        )
        return found


def run(words: Sequence[object], cwd: Path) -> None:
    """A command of this environment, or a script of `paths/`, that ends well."""
    name, *rest = map(str, words)
    start = [sys.executable, str(HERE / "paths" / name)] if name.endswith(".py") else [
        str(SCRIPTS / name)
    ]  # fmt: skip
    # One thread each: two of them run at a time, on two cores.
    environment = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "2"}
    done = subprocess.run(
        [*start, *rest], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.fixture(scope="module")
def place(
    needs: Callable[[str, str], None],
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    needs("llamafactory", "pip install 'whyser[train]'")
    needs("vllm", "run .ci/vllm_cpu, or pip install 'whyser[vllm]' where there is a GPU")
    folder = tmp_path_factory.mktemp("parity")
    write_rows(folder, native_corpora)
    run(["whyser-demo", "model", "tiny"], folder)
    small = ("dataset_dir=rows", "preprocessing_num_workers=1")
    run(["llamafactory-cli", "train", CONFIGS / "tiny_full_sft_reason.yaml", *small,
         "model_name_or_path=tiny", "output_dir=full", f"max_steps={STEPS}",
         "learning_rate=2e-3"], folder)  # fmt: skip
    house(folder)
    run(["llamafactory-cli", "train", CONFIGS / "qwen2audio_lora_sft_reason.yaml", *small,
         "model_name_or_path=base", "output_dir=lora", "max_steps=3", "learning_rate=1e-3",
         "gradient_accumulation_steps=1", "dataloader_num_workers=0", "plot_loss=false",
         "bf16=false", "use_cpu=true"], folder)  # fmt: skip
    run(["llamafactory-cli", "export", "--model_name_or_path", "base", "--adapter_name_or_path",
         "lora", "--template", "qwen2_audio", "--export_dir", "merged", "--infer_dtype",
         "float32"], folder)  # fmt: skip
    shutil.copytree(folder / "merged", folder / "served")
    run(["whyser-convert", "servable", "served"], folder)
    return Place(folder, folder / "merged", folder / "served")


def write_rows(folder: Path, native_corpora: Path) -> None:
    utterances, rationales = [], []
    for corpus in ("crema_d", "ravdess"):
        run(["whyser-convert", corpus, native_corpora / corpus, "u"], folder)
        utterances.append(f"u/{corpus}/utterances.jsonl")
        cues, told = f"{corpus}.cues.jsonl", f"{corpus}.jsonl"
        run(["whyser-teach", "cues", utterances[-1], "--output", cues], folder)
        for split in ("train", "dev"):
            told = f"{corpus}.{split}.jsonl"
            run(["whyser-teach", "measured", utterances[-1], "--cues", cues, "--split", split,
                 "--output", told], folder)  # fmt: skip
            rationales += ["--rationales", told]
    for split in ("train", "dev"):
        run(["whyser-convert", "sharegpt", *utterances, "--split", split, *rationales,
             "--output", f"rows/whyser_{split}_reason"], folder)  # fmt: skip
    run(["whyser-convert", "sharegpt", *utterances, "--split", "train", "--target", "label",
         "--max-samples", CLIPS, "--output", "rows/whyser_test_open"], folder)  # fmt: skip


def house(folder: Path) -> None:
    """What was learnt with a short window in vLLM's, with a generation config that samples."""
    from whyser.demo.model import write_model

    write_model(folder / "base", window=30, weights=folder / "full")
    path = folder / "base/generation_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**settings, **SAMPLING}), encoding="utf-8")


# ---- the paths ------------------------------------------------------------------------------


def llamafactory_and_transformers(place: Place) -> dict[str, Seen]:
    run(["llamafactory_rows.py", "served", "rows", "whyser_test_open", TOKENS, "rows.out.json"],
        place.folder)  # fmt: skip
    run(["llamafactory-cli", "train", CONFIGS / "tiny_full_predict_open.yaml", "dataset_dir=rows",
         "model_name_or_path=served", "output_dir=generated", f"max_new_tokens={TOKENS}",
         "preprocessing_num_workers=1"], place.folder)  # fmt: skip
    found = json.loads((place.folder / "rows.out.json").read_text(encoding="utf-8"))
    lines = (place.folder / "generated/generated_predictions.jsonl").read_text(encoding="utf-8")
    predicted = [json.loads(line) for line in lines.splitlines()]
    # The file has the prompt as text: that of the ids, marks and all.
    assert [row["prompt"] for row in predicted] == found["do_predict_text"]
    return {
        "training": Seen(found["training"]),
        "do_predict": Seen(found["do_predict"], [row["predict"] for row in predicted]),
        "transformers": Seen(found["transformers"], found["answers"]),
    }


def api(place: Place) -> dict[str, Seen]:
    return {"api": ask_api(place, place.served), "exported decoding": ask_api(place, place.merged)}


def ask_api(place: Place, model: Path) -> Seen:
    port, ids = free_port(), place.folder / f"{model.name}.ids"
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(sys.executable, str(HERE / "paths/llamafactory_api.py")),
        *("--model_name_or_path", str(model), "--template", "qwen2_audio"),
        *("--infer_backend", "huggingface", "--infer_dtype", "float32"),
    ]
    environment = {
        "API_HOST": "127.0.0.1", "API_PORT": str(port), "IDS": str(ids), "OMP_NUM_THREADS": "1",
        "ALLOW_LOCAL_FILES": "1", "SAFE_MEDIA_PATH": str(place.folder.parent),
    }  # fmt: skip
    with running(command, url, place.folder / f"{model.name}.log", **environment):
        replies = [ask(url, row, str) for row in place.rows]
    seen = [json.loads(line) for line in ids.read_text(encoding="utf-8").splitlines()]
    return Seen(seen, [text for text, _ in replies])


def vllm_offline(place: Place) -> dict[str, Seen]:
    run(["vllm_offline.py", "served", "served/chat_template.original.jinja",
         "rows/whyser_test_open.json", place.folder.parent, TOKENS, "vllm.out.json"],
        place.folder)  # fmt: skip
    found = json.loads((place.folder / "vllm.out.json").read_text(encoding="utf-8"))
    own, official, marked = (Seen(**found[name]) for name in ("own", "official", "marked"))
    return {"vllm offline": own, "official template": official, "marked twice": marked}


def vllm_serve(place: Place) -> dict[str, Seen]:
    """By the launch line of the shipped YAML, on the folder that nobody has made servable."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    launch = re.search(r"^# Launch +vllm (serve .*)$", SERVE.read_text("utf-8"), re.MULTILINE)
    assert launch is not None
    verb, *rest = shlex.split(launch.group(1))
    command = [
        *(str(SCRIPTS / "vllm"), verb, str(place.merged), *rest, "--port", str(port)),
        *("--allowed-local-media-path", str(place.folder.parent)),
        # A CPU wants these.
        *("--dtype", "float32", "--enforce-eager", "--max-num-batched-tokens", "65536"),
    ]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "2", "OMP_NUM_THREADS": "1"}
    log = place.folder / "vllm.log"
    with running(command, url, log, cwd=CONFIGS.parent, **environment):
        replies = [ask(url, row, lambda sound: f"file://{sound}") for row in place.rows]
    return {"vllm serve": Seen([ids for _, ids in replies], [text for text, _ in replies])}


def ask(url: str, row: dict[str, Any], address: Callable[[str], str]) -> tuple[str, list[int]]:
    """The greedy answer, and the prompt's ids where the server tells them."""
    question = row["messages"][0]["content"].removeprefix("<audio>")
    content = [
        {"type": "audio_url", "audio_url": {"url": address(row["audios"][0])}},
        {"type": "text", "text": question},
    ]
    body = {
        "model": "whyser", "temperature": 0, "max_tokens": TOKENS, "return_token_ids": True,
        "messages": [{"role": "user", "content": content}],
    }  # fmt: skip
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as stream:
        reply = json.load(stream)
    return reply["choices"][0]["message"]["content"], reply.get("prompt_token_ids", [])


@pytest.fixture(scope="module")
def seen(place: Place) -> dict[str, Seen]:
    with ThreadPoolExecutor(2) as pool:
        jobs = (vllm_serve, llamafactory_and_transformers, vllm_offline, api)
        found = [pool.submit(job, place) for job in jobs]
        return {name: one for job in found for name, one in job.result().items()}


# ---- what must hold -------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_a_path_sees_the_ids_of_training(seen: dict[str, Seen], path: str) -> None:
    assert len(seen[path].ids) == CLIPS
    assert seen[path].ids == seen["training"].ids
    assert seen[path].ids == seen["transformers"].ids


@pytest.mark.parametrize("path", PATHS[1:])
def test_a_path_answers_as_transformers_does(seen: dict[str, Seen], path: str) -> None:
    _, answers = seen[path].alike(seen["transformers"])
    print(f"{path}: {answers} of {CLIPS} answers are those of transformers")
    assert answers >= CLIPS - UNLIKE


def test_the_answers_differ_from_clip_to_clip(seen: dict[str, Seen]) -> None:
    """Or the comparison of answers would say nothing."""
    answers = seen["transformers"].answers
    assert len(set(answers)) >= CLIPS // 2
    assert all(answer.startswith("<asr>") for answer in answers)


@pytest.mark.parametrize(
    ("fault", "surplus"), [("official template", 8), ("marked twice", 2)]
)  # fmt: skip
def test_the_fault_is_one(seen: dict[str, Seen], fault: str, surplus: int) -> None:
    """The official template, and LLaMA-Factory's own vLLM backend: other ids, other answers."""
    ids, answers = seen[fault].alike(seen["transformers"])
    print(f"{fault}: {ids} of {CLIPS} prompts and {answers} answers are those of transformers")
    assert ids == 0
    assert answers < CLIPS - UNLIKE
    trained = seen["training"].ids
    more = {len(own) - len(one) for own, one in zip(seen[fault].ids, trained, strict=True)}
    assert len(more) == 1 and min(more) >= surplus


def test_the_exported_decoding_is_a_fault_too(seen: dict[str, Seen]) -> None:
    """LLaMA-Factory's api samples from the folder that nobody has made servable, asked greedily."""
    ids, answers = seen["exported decoding"].alike(seen["transformers"])
    print(f"exported decoding: {answers} of {CLIPS} answers are those of transformers")
    assert ids == CLIPS
    assert answers < CLIPS - UNLIKE


def test_check_tells_the_exported_folder_from_the_servable_one(place: Place) -> None:
    said = {}
    for folder in (place.merged, place.served):
        done = subprocess.run(
            [str(SCRIPTS / "whyser-convert"), "check", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said[folder] = done.stderr
    assert "its chat template writes 'Audio 1: " in said[place.merged]
    assert "repetition_penalty 1.1" in said[place.merged]
    assert "warning" not in said[place.served]
