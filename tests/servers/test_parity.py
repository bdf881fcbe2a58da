"""Every path to an answer uses the token ids of training and gives the same answers.

The tiny model is asked about 20 clips of its training data. Whether it listens does not matter
here; what it learnt by heart differs from clip to clip.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from whyser.prompting.prompts import TRAINED
from whyser_eval.answers.predict.template import template_of

from .conftest import CLIPS, CONFIGS, HERE, SCRIPTS, Place, Served, free_port, run, running

pytestmark = pytest.mark.slow

#: Greedy answers that may differ: the last digit of a logit is the engine's own.
UNLIKE = 1

#: For vLLM up to 0.16, which puts the marks of a sound there itself.
OLD = TRAINED.with_name("chat_template_vllm_0.16.jinja")

PATHS = ("training", "do_predict", "api", "vllm offline", "vllm serve")

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


# ---- the paths ------------------------------------------------------------------------------


def llamafactory_and_transformers(place: Place) -> dict[str, Seen]:
    run(["llamafactory_rows.py", "served", "rows", "whyser_test_open", place.tokens,
         "rows.out.json"], place.folder)  # fmt: skip
    run(["llamafactory-cli", "train", CONFIGS / "tiny/full_predict.yaml", "dataset_dir=rows",
         "model_name_or_path=served", "output_dir=generated", f"max_new_tokens={place.tokens}",
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


def api(place: Place, served: Served) -> dict[str, Seen]:
    before = len(ids_at(place.api_ids))
    replies = [ask(place, served.url, row, str) for row in place.rows]
    return {"api": Seen(ids_at(place.api_ids)[before:], [text for text, _ in replies])}


def exported_decoding(place: Place) -> dict[str, Seen]:
    """LLaMA-Factory's api on the folder that nobody has made servable."""
    port, ids = free_port(), place.folder / "merged.ids"
    url = f"http://127.0.0.1:{port}/v1"
    command = [
        *(sys.executable, str(HERE / "paths/llamafactory_api.py")),
        *("--model_name_or_path", str(place.merged), "--template", "qwen2_audio"),
        *("--infer_backend", "huggingface", "--infer_dtype", "float32"),
    ]
    environment = {
        "API_HOST": "127.0.0.1", "API_PORT": str(port), "IDS": str(ids),
        "ALLOW_LOCAL_FILES": "1", "SAFE_MEDIA_PATH": str(place.sounds),
    }  # fmt: skip
    with running(command, url, place.folder / "merged.log", **environment) as is_up:
        is_up()
        replies = [ask(place, url, row, str) for row in place.rows]
    return {"exported decoding": Seen(ids_at(ids), [text for text, _ in replies])}


def ids_at(path: Path) -> Ids:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def vllm_offline(place: Place) -> dict[str, Seen]:
    run(["vllm_offline.py", "served", OLD, "served/chat_template.original.jinja",
         "rows/whyser_test_open.json", place.sounds, place.tokens, "vllm.out.json"],
        place.folder, PYTHONPATH=str(Path(sys.prefix) / "ipex"))  # fmt: skip
    found = json.loads((place.folder / "vllm.out.json").read_text(encoding="utf-8"))
    own, official, marked = (Seen(**found[name]) for name in ("own", "official", "marked"))
    return {"vllm offline": own, "official template": official, "marked twice": marked}


def vllm_serve(place: Place, served: Served) -> dict[str, Seen]:
    replies = [ask(place, served.url, row, lambda sound: f"file://{sound}") for row in place.rows]
    return {"vllm serve": Seen([ids for _, ids in replies], [text for text, _ in replies])}


def ask(
    place: Place, url: str, row: dict[str, Any], address: Callable[[str], str]
) -> tuple[str, list[int]]:
    """The greedy answer, and the prompt's ids where the server tells them."""
    question = row["messages"][0]["content"].removeprefix("<audio>")
    content = [
        {"type": "audio_url", "audio_url": {"url": address(row["audios"][0])}},
        {"type": "text", "text": question},
    ]
    body = {
        "model": "whyser", "temperature": 0, "max_tokens": place.tokens, "return_token_ids": True,
        "messages": [{"role": "user", "content": content}],
    }  # fmt: skip
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as stream:
        reply = json.load(stream)
    return reply["choices"][0]["message"]["content"], reply.get("prompt_token_ids", [])


@pytest.fixture(scope="module")
def seen(
    needs: Callable[[str, str], None], place: Place, vllm: Served, llamafactory_api: Served
) -> dict[str, Seen]:
    needs("vllm", "run .ci/vllm_cpu, or pip install 'whyser[vllm]' where there is a GPU")
    with ThreadPoolExecutor(2) as pool:
        found = [
            pool.submit(llamafactory_and_transformers, place),
            pool.submit(vllm_offline, place),
            pool.submit(exported_decoding, place),
            pool.submit(vllm_serve, place, vllm),
            pool.submit(api, place, llamafactory_api),
        ]
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


@pytest.mark.parametrize(("fault", "surplus"), [("official template", 8), ("marked twice", 2)])
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


def test_a_current_server_tells_which_template_it_has(vllm: Served, place: Place) -> None:
    """Without the marks, as vLLM up to 0.16 takes it, a prompt is not that of training."""
    row = place.rows[0]
    question = row["messages"][0]["content"].removeprefix("<audio>")
    content = [
        {"type": "audio_url", "audio_url": {"url": f"file://{row['audios'][0]}"}},
        {"type": "text", "text": question},
    ]
    found = {}
    for name, template in {
        "ours": TRAINED,
        "for 0.16": OLD,
        "official": place.served / "chat_template.original.jinja",
    }.items():
        asked = {
            "model": vllm.model, "messages": [{"role": "user", "content": content}],
            "chat_template": template.read_text(encoding="utf-8"),
        }  # fmt: skip
        tokens = post(vllm.url, "tokenize", asked)["tokens"]
        prompt = post(vllm.url, "detokenize", {"model": vllm.model, "tokens": tokens})["prompt"]
        found[name] = template_of(prompt, question)
    assert found == {"ours": "whyser", "for 0.16": "official", "official": "official"}


def post(url: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url.removesuffix('/v1')}/{what}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as stream:
        reply: dict[str, Any] = json.load(stream)
    return reply
