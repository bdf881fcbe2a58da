"""Reads a YAML as `llamafactory-cli train` does, on any machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io.audio import MEL_HOP, SAMPLING_RATE
from whyser.io.errors import InputError
from whyser.io.extras import require
from whyser_converters.check.model import Hearing, folder_of
from whyser_converters.check.speechlm import trust_faults

#: Stage -> LLaMA-Factory's name for its kind of rows.
STAGES = {"sft": "sft", "dpo": "rm"}

#: Settings of the machine that trains. LLaMA-Factory refuses a machine that does not support one
#: of them, and none changes a row.
_OF_THE_TRAINER = (
    *("bf16", "fp16", "pure_bf16", "tf32", "deepspeed", "fsdp", "fsdp_config"),
    *("enable_liger_kernel", "use_unsloth", "report_to", "resume_from_checkpoint"),
)


#: The feature extractor of `whyser-speechlm`'s models.
_OURS = "SpeechLMFeatureExtractor"


@dataclass(frozen=True)
class TokenizeRun:
    """A YAML after LLaMA-Factory has parsed it."""

    yaml: Path
    stage: str
    model_args: Any
    data_args: Any
    training_args: Any
    template: Any
    tokenizer: Any
    processor: Any

    @property
    def kind(self) -> str:
        """LLaMA-Factory's name for rows of the stage."""
        return STAGES[self.stage]

    @property
    def extractor(self) -> Any:
        return self.processor.feature_extractor

    @property
    def hearing(self) -> Hearing:
        extractor = self.extractor
        if type(extractor).__name__ != _OURS:
            return Hearing(extractor.nb_max_frames * MEL_HOP / SAMPLING_RATE)
        return Hearing(extractor.max_duration, extractor.num_audio_tokens)

    def generates(self, split: str) -> bool:
        """Whether the model will answer the split's rows, which then end with the question."""
        return self.training_args.predict_with_generate and split != "train"


def read_run(path: Path, overrides: Sequence[str] = ()) -> TokenizeRun:
    """The YAML with `KEY=VALUE` overrides, its tokenizer and its template.

    Raises: `WhyserError` without the extra `train`; `InputError` for what LLaMA-Factory refuses,
    for an unsupported stage, for a checkpoint that counts audio tokens in another way, and for a
    model with code that is not trusted.
    """
    # Read when the package is imported; without it, LLaMA-Factory logs every file that it opens.
    os.environ.setdefault("LLAMAFACTORY_VERBOSITY", "WARN")
    # Processes share the rows; threads inside each would only wait for each other.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    require("tokenising", train=["llamafactory"])
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    settings = _read_settings(path, overrides)
    stage = settings.get("stage", "sft")
    if stage not in STAGES:
        cure = f"Only the stages {' and '.join(STAGES)} can be tokenised."
        raise InputError(f"stage is {stage!r}", file=path, cure=cure)
    folder = folder_of(settings)
    for fault in trust_faults(folder, settings.get("trust_remote_code")) if folder else ():
        raise InputError(fault.what, file=path, cure=fault.cure)
    try:
        model_args, data_args, training_args, *_ = get_train_args(settings)
        if data_args.streaming:
            raise ValueError("with `streaming` it reads no tokenized_path: turn it off")
        for key in ("cutoff_len", "max_samples"):
            if type(value := getattr(data_args, key)) not in {int, type(None)}:
                raise ValueError(f"{key} is {value!r}, expected a whole number")
        loaded = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
    except (ValueError, TypeError, ImportError, OSError) as error:
        what = f"LLaMA-Factory refuses it ({str(error).rstrip('.')})"
        raise InputError(what, file=path, cure="Correct that setting.") from None
    run = TokenizeRun(path, stage, model_args, data_args, training_args, template, **loaded)
    _refuse_other_counts(run)
    return run


def _read_settings(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if not path.is_file():
        raise InputError("no such file", file=path, cure="Check the path.")
    try:
        loaded = OmegaConf.load(path)
        # Settings cannot be merged into a list.
        own = OmegaConf.from_cli(list(overrides)) if OmegaConf.is_dict(loaded) else []
        settings = OmegaConf.to_container(OmegaConf.merge(loaded, own))
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise InputError(f"not valid YAML ({error})", file=path, cure="Correct it.") from None
    if not isinstance(settings, dict):
        raise InputError("holds no settings", file=path, cure="Write them as 'key: value'.")
    kept = {str(key): value for key, value in settings.items() if key not in _OF_THE_TRAINER}
    # Nothing is trained, so the content of a run's output folder does not matter.
    return {**kept, "use_cpu": True, "output_dir": os.devnull, "report_to": "none"}


def _refuse_other_counts(run: TokenizeRun) -> None:
    """Accepts only the plugin of Qwen2-Audio, with one of two feature extractors: Whisper's, whose
    number of tokens follows from the length, or ours, which gives a fixed number."""
    cure = "Let LLaMA-Factory tokenise it: set tokenized_path in its YAML."
    plugin = type(run.template.mm_plugin).__name__
    if plugin != "Qwen2AudioPlugin":
        what = f"template {run.data_args.template!r} counts audio tokens in its own way ({plugin})"
        raise InputError(what, file=run.yaml, cure=cure)
    extractor = getattr(run.processor, "feature_extractor", None)
    name = type(extractor).__name__
    hops = {"WhisperFeatureExtractor": MEL_HOP, _OURS: None}
    wanted = (SAMPLING_RATE, hops.get(name, MEL_HOP))
    found = (getattr(extractor, "sampling_rate", None), getattr(extractor, "hop_length", None))
    heard = getattr(run.processor, "audio_sampling_rate", SAMPLING_RATE)
    if name not in hops or found != wanted or heard != SAMPLING_RATE:
        what = f"{run.model_args.model_name_or_path}: {name} counts mel frames in its own way"
        raise InputError(what, file=run.yaml, cure=cure)
