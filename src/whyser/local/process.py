"""The process in which `whyser.local.model` has a checkpoint answer.

    python -m whyser.local.process FOLDER TEMPLATE

It writes a line of JSON when the model is loaded, then one for each line that it reads. The code of
a related architecture is the installed one: what lies in a model's folder is never executed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from whyser.io import audio
from whyser.io.errors import InputError
from whyser.io.files import read_json, read_text
from whyser.prompting.prompts import TRAINED
from whyser.qwen2_audio import greedy

#: The end of a turn, which LLaMA-Factory's template adds to the ends of the checkpoint.
_TURN_END = "<|im_end|>"

hub: Any = transformers


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model; `template` is the chat template, None for the processor's own."""

    model: Any
    processor: Any
    template: str | None

    def answer(
        self, sound: str, question: str, begun: str, max_tokens: int, alternatives: int
    ) -> dict[str, Any]:
        """The answer as JSON; see `whyser.local.model.LocalModel.answer`."""
        content = [{"type": "audio", "audio_url": sound}, {"type": "text", "text": question}]
        prompt = self.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=self.template,
            add_generation_prompt=True,
            tokenize=False,
        )
        samples = audio.load(Path(sound))
        given = self.processor(
            text=prompt + begun,
            audio=[samples],
            sampling_rate=audio.SAMPLING_RATE,
            return_tensors="pt",
        ).to(self.model.device)
        for name in ("input_features", "input_values"):
            if name in given:
                given[name] = given[name].to(self.model.dtype)
        with torch.inference_mode():
            found = self.model.generate(
                **given,
                max_new_tokens=max_tokens,
                return_dict_in_generate=True,
                output_logits=bool(alternatives),
            )
        begin = given["input_ids"].shape[1]
        ids = found.sequences[0, begin:].tolist()
        ends = self.model.generation_config.eos_token_id
        is_whole = bool(ids) and ids[-1] in ends
        return {
            "text": self._text([one for one in ids if one not in ends]),
            "finish_reason": "stop" if is_whole else "length",
            "prompt_tokens": begin,
            "completion_tokens": len(ids),
            "tokens": list(self._weighed(ids, found.logits or (), alternatives)),
        }

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.processor.tokenizer.decode(ids, skip_special_tokens=True))

    def _weighed(
        self, ids: Sequence[int], logits: Sequence[Any], alternatives: int
    ) -> Iterator[dict[str, Any]]:
        for chosen, one in zip(ids, logits, strict=False):
            logprobs = one[0].float().log_softmax(-1)
            best = logprobs.topk(min(alternatives, len(logprobs)))
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            yield {
                "text": self._token(chosen),
                "logprob": float(logprobs[chosen]),
                "alternatives": [[self._token(place), value] for place, value in pairs],
            }

    def _token(self, place: int) -> str:
        return str(self.processor.tokenizer.decode([place]))


def load(folder: Path, template: str) -> Checkpoint:
    """Loads a checkpoint, or an adapter with the checkpoint that it names.

    Raises: `InputError` for another architecture, and for a checkpoint that cannot be loaded.
    """
    adapter = folder if (folder / "adapter_config.json").exists() else None
    base = folder
    if adapter is not None:
        base = Path(read_json(adapter / "adapter_config.json")["base_model_name_or_path"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Many processors compute in half precision slowly.
    kind: Any = "auto" if device == "cuda" else torch.float32
    try:
        model_class, processor_class = _classes(base)
        model = model_class.from_pretrained(base, dtype=kind)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        processor = processor_class(base)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        what = f"cannot be loaded ({str(error).strip().splitlines()[0]})"
        raise InputError(what, cure="Give the folder of a whole checkpoint.") from None
    # Its own settings may sample, or punish repetitions, and count wherever a call says "do not".
    model.generation_config = _decoding(model.generation_config, processor.tokenizer)
    chosen = read_text(TRAINED) if template == "whyser" else None
    return Checkpoint(model.eval().to(device), processor, chosen)


def _decoding(own: Any, tokenizer: Any) -> Any:
    """Greedy, up to any end that the checkpoint or LLaMA-Factory's template knows."""
    ends = [*(own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id])]
    ends += [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(_TURN_END)]
    known = list(dict.fromkeys(one for one in ends if one is not None))
    pad = known[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return greedy(own.bos_token_id, known, pad)


def _classes(base: Path) -> tuple[Any, Any]:
    """The class of a model, and what makes its processor of its folder."""
    kind = hub.PretrainedConfig.get_config_dict(base)[0].get("model_type")
    if kind == "qwen2_audio":
        return hub.Qwen2AudioForConditionalGeneration, hub.Qwen2AudioProcessor.from_pretrained
    if kind == "whyser_speechlm":
        from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration

        return SpeechLMForConditionalGeneration, _speechlm_processor
    what = f"is a model of the kind {kind!r}, not a Qwen2-Audio or one of whyser-speechlm"
    raise InputError(what, cure="Serve it, and give --endpoint (docs/serving.md).")


def _speechlm_processor(folder: Path) -> Any:
    from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
    from whyser.speechlm.processing_speechlm import SpeechLMProcessor

    extractor = SpeechLMFeatureExtractor.from_pretrained(folder)
    tokenizer = hub.AutoTokenizer.from_pretrained(folder)
    return SpeechLMProcessor(feature_extractor=extractor, tokenizer=tokenizer)


def main() -> None:
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    hub.logging.set_verbosity_error()
    hub.logging.disable_progress_bar()

    def write(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    folder, template = sys.argv[1:]
    try:
        model = load(Path(folder), template)
    except InputError as error:
        write({"refused": error.what, "cure": error.cure})
        return
    write({"loaded": True})
    for line in sys.stdin:
        write(model.answer(**json.loads(line)))


if __name__ == "__main__":
    main()
