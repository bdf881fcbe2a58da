"""A WavLM or HuBERT small enough to train on a laptop in minutes, random at the start.

It is a real checkpoint of that architecture. One thing is not random: from noise its first
convolution would not find pitch within minutes, so it begins as a bank of sinusoids under a
window, of random phase, spaced as the ear spaces them; all of it goes on learning.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, TypeAlias

from whyser.demo.staging import fresh_directory

Family: TypeAlias = Literal["wavlm", "hubert"]

WIDTH, LAYERS = 96, 2
FILTERS, KERNEL = 64, 400
"""Sinusoids, and the samples of 16 kHz that each sees."""
STRIDES = (80, 4, 2)
"""A frame of 40 ms, twice the real one's: rectified every 5 ms, then pooled twice."""
LOWEST, HIGHEST = 60.0, 6000.0
SAMPLING_RATE = 16_000


def write_encoder(directory: Path, *, family: Family = "wavlm", seed: int = 0) -> None:
    """Write the checkpoint: weights, configuration and feature extractor.

    Args:
        directory: Target; an earlier one of ours is replaced, anything else is refused.
        family: WavLM, or HuBERT, which has no relative positions.
        seed: Fixes the weights; two calls write the same bytes.

    Raises:
        DemoError: The directory holds something that this command did not write.
    """
    import torch

    hub = _transformers()
    with fresh_directory(directory) as staging:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = hub.AutoModel.from_config(_config(family))
            _set_sinusoids(model.feature_extractor.conv_layers[0].conv.weight)
        model.save_pretrained(staging, safe_serialization=True)
        # What is loud stays loud: volume belongs to what it has to learn.
        hub.Wav2Vec2FeatureExtractor(
            do_normalize=False, return_attention_mask=True
        ).save_pretrained(staging)


def _transformers() -> Any:
    """Import late, for a fast `--help`; its classes are only partly annotated, hence Any."""
    import transformers

    return transformers


def _config(family: Family) -> Any:
    relative = {"num_buckets": 64, "max_bucket_distance": 128} if family == "wavlm" else {}
    return _transformers().AutoConfig.for_model(
        family,
        **relative,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        conv_dim=(FILTERS, FILTERS, WIDTH),
        conv_kernel=(KERNEL, 8, 2),
        conv_stride=STRIDES,
        conv_bias=True,
        feat_extract_norm="layer",
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=4,
        do_stable_layer_norm=True,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
    )


def _set_sinusoids(weights: Any) -> None:
    """Args: float[FILTERS, 1, KERNEL], overwritten."""
    import torch

    count, _, length = weights.shape
    mels = torch.linspace(_mel(LOWEST), _mel(HIGHEST), count)
    rates = 700 * (10 ** (mels / 2595) - 1) * 2 * math.pi / SAMPLING_RATE
    phases = 2 * math.pi * torch.rand(count, 1)
    waves = torch.sin(rates[:, None] * torch.arange(length) + phases)
    with torch.no_grad():
        weights[:, 0] = waves * torch.hann_window(length) * 0.1


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
