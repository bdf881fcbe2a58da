"""A language model is read from every layout in which one is published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
import transformers
from safetensors.torch import load_file, save_file

from whyser.assembly.parts import load_encoder, load_language_model
from whyser.io.errors import InputError


@pytest.fixture
def written(part: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Writes a tiny Qwen2 in the layout of a class, beside its tokenizer."""

    def write(name: str, *, tied: bool, dtype: torch.dtype, **settings: Any) -> tuple[Path, Any]:
        folder = tmp_path / name
        shutil.copytree(part("qwen2"), folder, ignore=shutil.ignore_patterns("*.safetensors"))
        config = transformers.AutoConfig.from_pretrained(folder)
        config.tie_word_embeddings, config.pad_token_id = tied, 0
        model = getattr(transformers, name)(config).to(dtype)
        model.save_pretrained(folder, **settings)
        return folder, model

    return write


def same(found: Any, own: Any) -> bool:
    base, other = found.base_model.state_dict(), own.base_model.state_dict()
    return base.keys() == other.keys() and all(
        torch.equal(base[key], other[key]) and base[key].dtype == other[key].dtype for key in base
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shard", ["5GB", "5KB"])
@pytest.mark.parametrize(
    ("name", "tied"),
    [
        ("Qwen2ForCausalLM", True),
        ("Qwen2ForCausalLM", False),
        # The head of a tied model is its embeddings.
        ("Qwen2Model", True),
        ("Qwen2ForSequenceClassification", True),
    ],
)
def test_every_class_that_publishes_a_language_model(
    name: str, tied: bool, shard: str, dtype: torch.dtype, written: Any
) -> None:
    folder, own = written(name, tied=tied, dtype=dtype, max_shard_size=shard)
    assert (folder / "model.safetensors.index.json").exists() is (shard == "5KB")
    found = load_language_model(str(folder)).model
    assert same(found, own)
    head, embeddings = found.get_output_embeddings(), found.get_input_embeddings()
    assert (head.weight is embeddings.weight) is tied


def test_a_pickle(written: Any) -> None:
    folder, own = written("Qwen2ForCausalLM", tied=False, dtype=torch.float32)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert same(load_language_model(str(folder)).model, own)


def test_a_classifier_does_not_write(written: Any) -> None:
    folder, _ = written("Qwen2ForSequenceClassification", tied=False, dtype=torch.float32)
    with pytest.raises(InputError, match=r"lack lm_head\.weight.*not a classifier"):
        load_language_model(str(folder))


def test_a_tokenizer_is_read_before_the_weights(written: Any) -> None:
    folder, _ = written("Qwen2ForCausalLM", tied=False, dtype=torch.float32)
    for path in (*folder.glob("*token*"), *folder.glob("vocab*"), *folder.glob("merges*")):
        path.unlink()
    (folder / "model.safetensors").write_bytes(b"not read")
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        load_language_model(str(folder))
    assert "safetensors" not in str(caught.value)


def test_a_tokenizer_loses_its_class_and_what_it_adds_around_a_text(
    written: Any, tmp_path: Path
) -> None:
    """That of a Llama adds a token, and transformers 5 makes those of Llama's class anew."""
    folder, _ = written("Qwen2ForCausalLM", tied=False, dtype=torch.float32)
    own = transformers.AutoTokenizer.from_pretrained(folder)
    words = own.encode("Two words. And 12 more!\n", add_special_tokens=False)
    transformers.LlamaTokenizerFast(
        tokenizer_object=own.backend_tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>",
        unk_token=None, add_bos_token=True, chat_template="{{ messages }}",
    ).save_pretrained(folder)  # fmt: skip
    load_language_model(str(folder)).tokenizer.save_pretrained(tmp_path / "again")
    found = transformers.AutoTokenizer.from_pretrained(tmp_path / "again")
    assert type(found).__name__ == "PreTrainedTokenizerFast"
    assert found.encode("Two words. And 12 more!\n") == words
    assert (found.bos_token, found.eos_token) == ("<|im_start|>", "<|im_end|>")
    assert found.chat_template == "{{ messages }}"


def test_weights_that_are_cut_short(written: Any) -> None:
    folder, _ = written("Qwen2ForCausalLM", tied=False, dtype=torch.float32)
    path = folder / "model.safetensors"
    weights = load_file(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"its weights cannot be read|cannot be loaded"):
        load_language_model(str(folder))
    weights.pop("model.norm.weight")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"its weights lack model\.norm\.weight"):
        load_language_model(str(folder))


def test_the_window_of_an_encoder(part: Callable[[str], Path]) -> None:
    whole = load_encoder(str(part("whisper"))).encoder.window
    assert whole is not None and whole > 16_000
    assert load_encoder(str(part("whisper")), window=1).encoder.window == 16_000
