"""A WavLM or HuBERT that trains on a laptop in minutes, with random initial weights.

It is a real checkpoint of its architecture. Only the first convolution is not random, because it
would not learn pitch within minutes: it starts as a bank of windowed sinusoids of random phase,
spaced on the mel scale. All weights can be trained.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, TypeAlias

from whyser.demo.staging import fresh_directory

Family: TypeAlias = Literal["wavlm", "hubert"]

WIDTH, LAYERS = 96, 2
FILTERS, KERNEL = 64, 400
"""The number of sinusoids, and their length in samples at 16 kHz."""
STRIDES = (80, 4, 2)
"""Rectified every 5 ms, then pooled twice: frames of 40 ms, twice as long as the real ones."""
LOWEST, HIGHEST = 60.0, 6000.0
SAMPLING_RATE = 16_000


def write_encoder(directory: Path, *, family: Family = "wavlm", seed: int = 0) -> None:
    """Write the checkpoint: weights, configuration and feature extractor.

    Args:
        directory: Output folder; an earlier demo in it is replaced.
        family: WavLM, or HuBERT, which has no relative positions.
        seed: Fixes every byte.

    Raises:
        DemoError: The directory contains files that the demo did not write.
    """
    import torch
    import transformers

    hub: Any = transformers
    with fresh_directory(directory) as staging:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = hub.AutoModel.from_config(_config(family))
            _set_sinusoids(model.feature_extractor.conv_layers[0].conv.weight)
        model.save_pretrained(staging, safe_serialization=True)
        # Loudness is a cue, so the sound is not normalised.
        hub.Wav2Vec2FeatureExtractor(
            do_normalize=False, return_attention_mask=True
        ).save_pretrained(staging)


def _config(family: Family) -> Any:
    relative = {"num_buckets": 64, "max_bucket_distance": 128} if family == "wavlm" else {}
    import transformers

    return transformers.AutoConfig.for_model(
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
    """Overwrite `weights`, float[FILTERS, 1, KERNEL]."""
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
