from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import whyser.speechlm

RECIPES = ("dual_encoder", "vib_hubert", "semollm")
SECONDS = (0.1, 0.5, 3, 6, 29.9, 30, 40)
#: Both fusions of each that has two branches, and parts with windows of 30 s, of 6 s, and none.
SHAPES = [
    ("dual_encoder", {}),
    ("dual_encoder", {"fusion": "feature", "content_tokens": 5, "emotion_tokens": 5}),
    ("dual_encoder", {"speech": "qwen2_audio", "emotion": "wav2vec2"}),
    ("vib_hubert", {}),
    ("vib_hubert", {"fusion": "feature", "content_tokens": 5, "emotion_tokens": 5}),
    ("semollm", {}),
    ("semollm", {"fusion": "feature", "llm": "llama"}),
]


def _asked(processor: Any, prompt: str, clips: list[Any], side: str = "left") -> dict[str, Any]:
    processor.tokenizer.padding_side = side
    texts = [prompt + "Ah. " * place for place in range(len(clips))]
    return dict(
        processor(text=texts, audio=clips, sampling_rate=16_000, padding=True, return_tensors="pt")
    )


# ---- tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recipe", "given"), SHAPES)
def test_processor_template_and_model_count_the_same_tokens(
    recipe: str, given: dict[str, Any], loaded: Any, noise: Any, prompt: str, needs: Any
) -> None:
    needs("llamafactory", "pip install 'whyser[train]'")
    from llamafactory.data.mm_plugin import get_mm_plugin

    model, processor = loaded(recipe, **given)
    expected = model.config.audio_tokens
    fused = 5 if recipe != "semollm" else 3
    assert expected == (fused if "fusion" in given else 3 if recipe == "semollm" else 9)
    clips = [noise(seconds) for seconds in SECONDS]
    template = get_mm_plugin("qwen2_audio", audio_token="<|AUDIO|>")
    for clip in clips:
        messages = [{"role": "user", "content": "<audio>What?"}]
        found = template.process_messages(messages, [], [], [clip], processor)[0]["content"]
        assert found == f"<|audio_bos|>{'<|AUDIO|>' * expected}<|audio_eos|>What?"
    asked = _asked(processor, prompt, clips)
    counts = (asked["input_ids"] == model.config.audio_token_index).sum(1)
    assert counts.tolist() == [expected] * len(clips)
    with torch.no_grad():
        assert model.eval()(**asked).logits.isfinite().all()


def test_a_text_may_hold_several_clips(loaded: Any, noise: Any, batch: Any) -> None:
    model, processor = loaded("dual_encoder")
    text = "<|audio_bos|><|AUDIO|><|audio_eos|>"
    clips = [noise(0.5, 1), noise(0.7, 2), noise(0.3, 3)]
    asked = processor(text=[text * 2, text], audio=clips, return_tensors="pt", padding=True)
    assert model._clips(asked["input_ids"], 3).tolist() == [2, 1]
    with torch.no_grad():
        together = model.eval()(**asked).logits
        own = processor(text=[text * 2], audio=clips[:2], return_tensors="pt")
        alone = model(**own).logits
    row = asked["attention_mask"][0].bool()
    torch.testing.assert_close(together[0, row], alone[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_clip_in_a_batch_is_answered_as_alone(
    recipe: str, side: str, loaded: Any, noise: Any, prompt: str
) -> None:
    model, processor = loaded(recipe)
    clips = [noise(0.3, 1), noise(2.5, 2), noise(1, 3)]
    asked = _asked(processor, prompt, clips, side)
    with torch.no_grad():
        together = model.eval()(**asked).logits
        for place, clip in enumerate(clips):
            own = processor(text=prompt + "Ah. " * place, audio=[clip], return_tensors="pt")
            alone = model(**own).logits[0]
            row = together[place][asked["attention_mask"][place].bool()]
            torch.testing.assert_close(row, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_hears(recipe: str, loaded: Any, noise: Any, prompt: str) -> None:
    model, processor = loaded(recipe)
    asked = [_asked(processor, prompt, [noise(1, seed)]) for seed in (1, 2)]
    with torch.no_grad():
        first, second = (model.eval()(**one).logits[0, -1] for one in asked)
    assert (first - second).abs().max() > 1e-3


# ---- generation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_cache_changes_no_answer(recipe: str, loaded: Any, noise: Any, prompt: str) -> None:
    model, processor = loaded(recipe)
    asked = _asked(processor, prompt, [noise(0.4, 1), noise(1.5, 2), noise(0.8, 3)])
    settings: dict[str, Any] = {"max_new_tokens": 12, "min_new_tokens": 12, "do_sample": False}
    cached, anew = (model.generate(**asked, **settings, use_cache=use) for use in (True, False))
    assert cached.equal(anew)
    answers = cached[:, asked["input_ids"].shape[1] :]
    assert len({tuple(row) for row in answers.tolist()}) > 1
    alone = _asked(processor, prompt, [noise(0.4, 1)])
    own = model.generate(**alone, **settings)[0, alone["input_ids"].shape[1] :]
    assert own.equal(answers[0])


def test_beams_hear_too(loaded: Any, noise: Any, prompt: str) -> None:
    model, processor = loaded("dual_encoder")
    asked = _asked(processor, prompt, [noise(0.4, 1), noise(1, 2)])
    found = model.generate(**asked, num_beams=3, max_new_tokens=6)
    assert found.shape[0] == 2


# ---- bad input -----------------------------------------------------------------------------------


def test_tokens_that_are_not_the_clips_are_refused(loaded: Any, noise: Any, prompt: str) -> None:
    model, processor = loaded("dual_encoder")
    asked = _asked(processor, prompt, [noise(1)])
    is_first = (asked["input_ids"] == model.config.audio_token_index).int().argmax()
    asked["input_ids"][0, is_first] = 0
    with pytest.raises(ValueError, match=r"1 clips are 9 tokens.*\[8\].*cutoff_len"):
        model(**asked)


@pytest.mark.parametrize("key", ["input_values", "input_features"])
def test_sound_that_an_encoder_wants_and_does_not_get_is_refused(
    key: str, loaded: Any, noise: Any, prompt: str
) -> None:
    model, processor = loaded("dual_encoder")
    asked = _asked(processor, prompt, [noise(1)])
    del asked[key]
    with pytest.raises(ValueError, match=rf"got no {key}: .*feature extractor"):
        model(**asked)


def test_a_text_of_a_clip_without_its_sound_is_refused(
    loaded: Any, noise: Any, prompt: str
) -> None:
    """The quiet fault: `processor(audios=...)` is ignored, and the answer heard nothing."""
    model, processor = loaded("dual_encoder")
    asked = _asked(processor, prompt, [noise(1)])
    text = {key: asked[key] for key in ("input_ids", "attention_mask")}
    with pytest.raises(ValueError, match=r"0 clips are 0 tokens.*\[9\]"):
        model(**text)
    with pytest.raises(ValueError, match="0 clips"):
        model.generate(**text, max_new_tokens=2)


def test_a_text_without_sound_is_answered(loaded: Any) -> None:
    model, processor = loaded("dual_encoder")
    asked = processor.tokenizer(["Dogs run."], return_tensors="pt")
    found = model.generate(**asked, max_new_tokens=3, min_new_tokens=3)
    assert found.shape[1] == asked["input_ids"].shape[1] + 3


def test_a_token_of_sound_that_is_generated_stops_nothing(
    loaded: Any, noise: Any, prompt: str
) -> None:
    model, processor = loaded("dual_encoder")
    asked = _asked(processor, prompt, [noise(1)])
    only = model.config.audio_token_index
    found = model.generate(
        **asked, max_new_tokens=3, min_new_tokens=3, prefix_allowed_tokens_fn=lambda *_: [only]
    )
    assert found[0, -3:].tolist() == [only] * 3


# ---- the folder ----------------------------------------------------------------------------------

#: Tied and untied embeddings, half precision, both kinds of tokenizer.
FOLDERS: list[tuple[str, dict[str, Any]]] = [
    ("dual_encoder", {}),
    ("vib_hubert", {"llm": "llama"}),
    ("semollm", {}),
    ("dual_encoder", {"llm": "bfloat16"}),
]

#: What saving imports where it is there, and what rounds differently from then on.
_FIRST = """
import sys
sys.modules["intel_extension_for_pytorch"] = None
"""

_OURS = """
from transformers import AutoFeatureExtractor, AutoModelForCausalLM, AutoProcessor, AutoTokenizer
from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration
from whyser.speechlm.processing_speechlm import SpeechLMProcessor

def load(folder):
    model = SpeechLMForConditionalGeneration.from_pretrained(folder, dtype="auto")
    extractor = SpeechLMFeatureExtractor.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return model, SpeechLMProcessor(feature_extractor=extractor, tokenizer=tokenizer)
"""

_FRESH = """
sys.modules["whyser"] = None
from transformers import AutoFeatureExtractor, AutoModelForCausalLM, AutoProcessor

def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype="auto")
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
    extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
    assert type(model).__module__.startswith("transformers_modules."), type(model)
    assert type(extractor) is type(processor.feature_extractor)
    return model, processor
"""

_ANSWER = """
import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
sounds, prompt, suffix, *folders = sys.argv[1:]
clips = [clip.numpy() for clip in load_file(sounds).values()]
for folder in folders:
    model, processor = load(folder)
    processor.tokenizer.padding_side = "left"
    asked = processor(text=[prompt, prompt + "Ah."], audio=clips, padding=True, return_tensors="pt")
    answers = model.generate(**asked, max_new_tokens=8)
    with torch.no_grad():
        logits = model(**asked).logits
    save_file({"logits": logits, "answers": answers}, folder + suffix)
"""

_AGAIN = """
    model.save_pretrained(folder + "-again")
    processor.save_pretrained(folder + "-again")
    again, processor = load(folder + "-again")
    processor.tokenizer.padding_side = "left"
    asked = processor(text=[prompt, prompt + "Ah."], audio=clips, padding=True, return_tensors="pt")
    with torch.no_grad():
        assert again(**asked).logits.equal(logits)
for loads in (AutoModelForCausalLM, AutoProcessor):
    try:
        loads.from_pretrained(folders[0], trust_remote_code=False)
    except ValueError as error:
        with open(folders[0] + ".told", "a") as told:
            told.write(str(error).replace(chr(10), " ") + chr(10))
"""


@pytest.fixture(scope="module")
def fresh(
    checkpoint: Callable[..., Path],
    noise: Any,
    prompt: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[Path], list[str]]:
    """The folders: answered by the package's classes, and by a process that cannot import the
    package, which also saves them again; and what that was told without trust_remote_code."""
    root = tmp_path_factory.mktemp("moved")
    folders = []
    for number, (recipe, given) in enumerate(FOLDERS):
        folders.append(root / f"{recipe}_{number}")
        shutil.copytree(checkpoint(recipe, **given), folders[-1])
    sounds = root / "sounds"
    save_file({f"{n}": torch.tensor(noise(n + 0.5, n)) for n in (0, 1)}, sounds)

    def start(script: str, suffix: str) -> subprocess.Popen[str]:
        given = [str(sounds), prompt, suffix, *map(str, folders)]
        return subprocess.Popen(
            [sys.executable, "-c", _FIRST + script, *given],
            env=os.environ | {"HF_MODULES_CACHE": str(root / "modules"), "OMP_NUM_THREADS": "1"},
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    for process in (start(_OURS + _ANSWER, ".ours"), start(_FRESH + _ANSWER + _AGAIN, ".theirs")):
        _, faults = process.communicate()
        assert process.returncode == 0, faults[-3000:]
    return folders, Path(f"{folders[0]}.told").read_text().splitlines()


@pytest.mark.parametrize("number", range(len(FOLDERS)))
def test_a_fresh_process_without_the_package_answers_to_the_bit(number: int, fresh: Any) -> None:
    ours, theirs = (load_file(f"{fresh[0][number]}{suffix}") for suffix in (".ours", ".theirs"))
    assert ours["logits"].equal(theirs["logits"])
    assert ours["answers"].equal(theirs["answers"])


@pytest.mark.parametrize("suffix", ["", "-again"])
def test_the_folder_brings_the_code_to_the_byte(suffix: str, fresh: Any) -> None:
    source = Path(whyser.speechlm.__file__).parent
    code = {path.name: path.read_bytes() for path in source.glob("*.py")}
    del code["__init__.py"]
    for folder in fresh[0]:
        found = {path.name: path.read_bytes() for path in Path(f"{folder}{suffix}").glob("*.py")}
        assert found == code


def test_without_trust_in_its_code_the_message_says_what_to_set(fresh: Any) -> None:
    told = fresh[1]
    assert len(told) == 2
    assert all("trust_remote_code=True" in message for message in told)


def test_tied_embeddings_are_parted(loaded: Any, checkpoint: Any) -> None:
    """The tiny language model of this recipe ties them; merged, a LoRA of the head would change
    what is read as well."""
    model, _ = loaded("semollm")
    head, read = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    assert head is not read and head.equal(read)
    assert "language_model.lm_head.weight" in load_file(checkpoint("semollm") / "model.safetensors")
    model.get_output_embeddings().weight.data += 1
    assert not head.equal(read)


def test_half_precision_is_kept_and_learns(loaded: Any, batch: Any, checkpoint: Any) -> None:
    weights = load_file(checkpoint("dual_encoder", llm="bfloat16") / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    for recipe in RECIPES:
        model, processor = loaded(recipe, llm="bfloat16")
        model.to(torch.bfloat16).train()
        model(**batch(processor, ["asr", "label"])).loss.backward()
        grads = [one.grad for one in model.parameters() if one.grad is not None]
        assert grads and all(grad.isfinite().all() for grad in grads)


def test_the_first_stage_runs_in_half_precision(loaded: Any, batch: Any) -> None:
    model, processor = loaded("semollm", llm="bfloat16")
    for name, weights in model.named_parameters():
        weights.requires_grad_(name.startswith(("emotion_connector", "alignment_head")))
    model.to(torch.bfloat16).train()
    loss = model(**batch(processor, ["asr", "label"])).loss
    loss.backward()
    assert loss.isfinite()
