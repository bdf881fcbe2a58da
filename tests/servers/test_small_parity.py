"""Every path to an answer of a small student uses the token ids of training and gives the same
answers: its projector and LoRA are merged, and its window of 6 s is widened for vLLM.

Its parts are the real ones that `WHYSER_REAL_PARTS` names, or tiny ones of the published classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check.model import hearing_of

from ..parts import LLM, SPEECH, real_parts, write_parts
from .conftest import CLIPS, CONFIGS, STEPS, Place, run, serving, whyser, write_rows
from .test_parity import (
    PATHS,
    UNLIKE,
    Seen,
    api,
    llamafactory_and_transformers,
    vllm_offline,
    vllm_serve,
)

pytestmark = pytest.mark.slow

SMALL = ("dataset_dir=rows", "preprocessing_num_workers=1", "use_cpu=true", 'save_strategy="no"')
#: vLLM of this environment, which only some machines have.
OFFLINE = "vllm offline"


@pytest.fixture(scope="module")
def place(
    needs: Callable[[str, str], None],
    native_corpora: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    needs("llamafactory", "pip install 'whyser[train]'")
    folder = tmp_path_factory.mktemp("small")
    real = real_parts()
    parts = real or write_parts(folder / "parts")
    write_rows(folder, native_corpora)
    whyser("whyser-speechlm", "build", "qwen2_audio", "--speech", parts / SPEECH, "--llm",
           parts / LLM, "--add-tokens", "--window", 6, "--output", "built", cwd=folder)  # fmt: skip
    base = "built"
    if not real:
        # Random parts must learn to speak first.
        run(["llamafactory-cli", "train", CONFIGS / "tiny/full_sft_reason.yaml", *SMALL,
             "model_name_or_path=built", "output_dir=base", f"max_steps={STEPS}",
             "learning_rate=2e-3"], folder)  # fmt: skip
        base = "base"
    run(["llamafactory-cli", "train", CONFIGS / "small/lora_sft_reason.yaml", *SMALL,
         f"model_name_or_path={base}", "output_dir=lora", "max_steps=5"], folder)  # fmt: skip
    run(["llamafactory-cli", "export", "--model_name_or_path", base, "--adapter_name_or_path",
         "lora", "--template", "qwen2_audio", "--export_dir", "served", "--infer_dtype",
         "float32"], folder)  # fmt: skip
    assert hearing_of(folder / "served").seconds == 6
    whyser("whyser-convert", "servable", "served", cwd=folder)
    assert hearing_of(folder / "served").seconds == 30
    served = folder / "served"
    return Place(folder, served, served, native_corpora.parent, folder / "api.ids", tokens=20)


@pytest.fixture(scope="module")
def seen(vllm_program: Path, place: Place) -> Iterator[dict[str, Seen]]:
    found = llamafactory_and_transformers(place)
    with serving(vllm_program, place) as servers:
        found |= api(place, servers["api"]) | vllm_serve(place, servers["vllm"])
    yield found


@pytest.fixture(scope="module")
def offline(needs: Callable[[str, str], None], place: Place) -> Seen:
    needs("vllm", "run .ci/vllm_cpu, or pip install 'whyser[vllm]' where there is a GPU")
    from whyser.demo.model import build_processor

    official = place.served / "chat_template.original.jinja"
    official.write_text(build_processor().chat_template, encoding="utf-8")
    return vllm_offline(place)[OFFLINE]


@pytest.fixture
def of(request: pytest.FixtureRequest, seen: dict[str, Seen]) -> Callable[[str], Seen]:
    def path(name: str) -> Seen:
        if name != OFFLINE:
            return seen[name]
        found: Any = request.getfixturevalue("offline")
        assert isinstance(found, Seen)
        return found

    return path


@pytest.mark.parametrize("path", PATHS)
def test_a_path_sees_the_ids_of_training(
    seen: dict[str, Seen], of: Callable[[str], Seen], path: str
) -> None:
    assert len(of(path).ids) == CLIPS
    assert of(path).ids == seen["training"].ids
    assert of(path).ids == seen["transformers"].ids


@pytest.mark.parametrize("path", PATHS[1:])
def test_a_path_answers_as_transformers_does(
    seen: dict[str, Seen], of: Callable[[str], Seen], path: str
) -> None:
    _, answers = of(path).alike(seen["transformers"])
    print(f"{path}: {answers} of {CLIPS} answers are those of transformers")
    assert answers >= CLIPS - UNLIKE
    assert len(set(seen["transformers"].answers)) > 1
