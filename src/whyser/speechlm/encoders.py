"""Speech encoders: they map sound to the states of all layers, and a mask of the frames of sound.

Padding never changes the states. In `transformers` it does in one place: the group norm of the
base models' first convolution includes the zeros after the sound in its mean and variance.
`ClipNorm` computes them over the clip only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, pad
from transformers import MODEL_MAPPING
from transformers.models.whisper.modeling_whisper import WhisperEncoder

MEL_HOP = 160
"""Samples at 16 kHz between two frames of a mel spectrogram, in every model of this family."""

#: The trained part of an encoder: its layers without the convolutions, all of it, or nothing.
Tuned: TypeAlias = Literal["layers", "all", "nothing"]

#: Families that take a waveform. SEW is left out since its states have another length, and data2vec
#: since padding changes its positions.
WAVEFORM = ("wavlm", "wav2vec2", "hubert", "unispeech", "unispeech-sat")
#: Families that take a mel spectrogram, padded to a window.
WHISPER, QWEN2_AUDIO = "whisper", "qwen2_audio_encoder"
MEL = (WHISPER, QWEN2_AUDIO)


class Encoder(nn.Module, ABC):
    """The base class.

    `width` is that of a state; `states` is their number, one a layer and the input of the first.
    Samples are limited by `shortest`, which give one frame, `floor`, the minimum of a training
    batch, and `window`, the maximum, or None.
    """

    width: int
    states: int
    shortest: int
    floor: int
    window: int | None
    #: Whether it takes a spectrogram instead of a waveform.
    is_mel = False

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def config(self) -> Any:
        return self.model.config

    @abstractmethod
    def convolutions(self) -> Sequence[nn.Module]:
        """The modules before the layers."""

    def freeze(self, tuned: Tuned) -> None:
        frozen = {"layers": self.convolutions(), "all": (), "nothing": (self.model,)}[tuned]
        for part in frozen:
            part.requires_grad_(False)


class WaveformEncoder(Encoder):
    """WavLM, wav2vec 2.0, HuBERT and related models."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        config = self.config
        self.width, self.states = config.hidden_size, config.num_hidden_layers + 1
        self.window = None
        # A dropped layer would repeat its input among the states.
        config.layerdrop = 0.0
        self.shortest = self._samples(1)
        # SpecAugment refuses a batch that is shorter than its masks.
        augments = config.apply_spec_augment and config.mask_time_prob
        self.floor = self._samples(config.mask_time_length if augments else 1)
        if config.feat_extract_norm == "group":
            self._first.layer_norm = ClipNorm(self._first.layer_norm)
        # Otherwise training would compute the gradient of the sound.
        self.model.feature_extractor._requires_grad = False  # type: ignore[union-attr]

    def convolutions(self) -> Sequence[nn.Module]:
        return (cast(nn.Module, self.model.feature_extractor),)

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """
        Args: `sound`, float[B, N]; `lengths`, int[B], the samples of each without padding.
        Returns: `states` tensors float[B, T, W], and a mask of the frames of sound, bool[B, T].
        """
        heard = before(lengths, sound.shape[1])
        if isinstance(self._first.layer_norm, ClipNorm):
            self._first.layer_norm.lengths = _convolved(lengths, self._strides[:1])
        states = self.model(sound, attention_mask=heard.long(), output_hidden_states=True)
        frames = before(_convolved(lengths, self._strides), states.hidden_states[0].shape[1])
        return states.hidden_states, frames

    @property
    def _first(self) -> Any:
        extractor: Any = self.model.feature_extractor
        return extractor.conv_layers[0]

    @property
    def _strides(self) -> list[tuple[int, int]]:
        return list(zip(self.config.conv_kernel, self.config.conv_stride, strict=True))

    def _samples(self, frames: int) -> int:
        """The smallest number of samples that gives `frames`."""
        for kernel, stride in reversed(self._strides):
            frames = (frames - 1) * stride + kernel
        return frames


class MelEncoder(Encoder):
    """Whisper's encoder. A clip is padded to its fixed window, and padding is attended to as in
    pre-training, but only the clip's frames are pooled."""

    is_mel = True

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        config = self.config
        self.width, self.states = config.d_model, config.encoder_layers + 1
        config.encoder_layerdrop = 0.0
        model.layerdrop = 0.0  # type: ignore[assignment]
        self.shortest = self.floor = MEL_HOP
        self.window = 2 * MEL_HOP * config.max_source_positions

    def convolutions(self) -> Sequence[nn.Module]:
        return (cast(nn.Module, self.model.conv1), cast(nn.Module, self.model.conv2))

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """
        Args: `sound`, float[B, mels, frames of the window]; `lengths`, int[B] in samples.
        Returns: as for `WaveformEncoder`.
        """
        states = self.model(sound, output_hidden_states=True).hidden_states
        mels = -(-lengths // MEL_HOP)
        return states, before((mels + 1) // 2, states[0].shape[1])


class Qwen2AudioEncoder(MelEncoder):
    """Qwen2-Audio's encoder: Whisper's, whose last states are averaged in pairs. It returns only
    these, since the other layers have another length."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.states = 1
        # Four mel frames give a state.
        self.shortest = self.floor = 4 * MEL_HOP

    def forward(self, sound: Tensor, lengths: Tensor) -> tuple[Sequence[Tensor], Tensor]:
        """Args and returns: as for `MelEncoder`."""
        states = self.model(sound).last_hidden_state
        mels = -(-lengths // MEL_HOP)
        return (states,), before(((mels + 1) // 2 - 2) // 2 + 1, states.shape[1])


class ClipNorm(nn.Module):
    """Group norm with a group a channel, over each clip's frames without padding.

    It replaces that of the first convolution, with the same names of weights. `lengths` must be set
    before each call, since the layers in between do not pass them.
    """

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.lengths: Tensor | None = None

    def forward(self, states: Tensor) -> Tensor:
        """Args: float[B, C, T]."""
        if self.lengths is None:
            raise RuntimeError("ClipNorm needs its lengths: set them before the call")
        width = states.shape[2]
        rows = [
            pad(
                group_norm(row[None, :, :length], len(row), self.weight, self.bias, self.eps),
                (0, width - length),
            )
            for row, length in zip(states, self.lengths.tolist(), strict=True)
        ]
        return torch.cat(rows)


#: The class of each `model_type`.
KINDS: dict[str, Callable[[nn.Module], Encoder]] = {
    **dict.fromkeys(WAVEFORM, WaveformEncoder),
    WHISPER: MelEncoder,
    QWEN2_AUDIO: Qwen2AudioEncoder,
}


def model_class(config: Any) -> Any:
    """The encoder's class in `transformers` for a configuration.

    Raises: `ValueError` for a model that is no speech encoder.
    """
    if (kind := config.model_type) not in KINDS:
        raise ValueError(f"{kind!r} is no known speech encoder; expected one of {', '.join(KINDS)}")
    return WhisperEncoder if kind == WHISPER else MODEL_MAPPING[type(config)]


def encoder_of(config: Any) -> Encoder:
    """The encoder of a configuration, without trained weights.

    Raises: as in `model_class`.
    """
    return KINDS[config.model_type](model_class(config)(config))


def before(lengths: Tensor, width: int) -> Tensor:
    """bool[B, width]: true before each length.

    >>> before(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def _convolved(lengths: Tensor, strides: Sequence[tuple[int, int]]) -> Tensor:
    """The frames that convolutions of (kernel, stride) make of `lengths` samples."""
    for kernel, stride in strides:
        lengths = (lengths - kernel) // stride + 1
    return lengths
