from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from whyser.demo.encoder import FILTERS, HIGHEST, KERNEL, LOWEST, SAMPLING_RATE, write_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo") / "encoder"
    write_encoder(directory, seed=0)
    return directory


def test_the_same_seed_writes_the_same_bytes(encoder: Path, tmp_path: Path) -> None:
    write_encoder(tmp_path / "again", seed=0)
    write_encoder(tmp_path / "other", seed=1)
    names = sorted(path.name for path in encoder.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (encoder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    weights = "model.safetensors"
    assert (encoder / weights).read_bytes() != (tmp_path / "other" / weights).read_bytes()


def test_it_is_a_small_wavlm_with_its_own_extractor(encoder: Path) -> None:
    from transformers import AutoFeatureExtractor, AutoModel

    model = AutoModel.from_pretrained(encoder)
    assert type(model).__name__ == "WavLMModel"
    assert 0.1e6 < sum(weights.numel() for weights in model.parameters()) < 1e6
    assert not AutoFeatureExtractor.from_pretrained(encoder).do_normalize


def test_the_first_convolution_begins_as_sinusoids(encoder: Path) -> None:
    import torch
    from transformers import AutoModel

    weights = AutoModel.from_pretrained(encoder).feature_extractor.conv_layers[0].conv.weight
    spectra = torch.fft.rfft(weights[:, 0], n=8 * KERNEL).abs()
    peaks = spectra.argmax(1) * SAMPLING_RATE / (8 * KERNEL)
    assert len(peaks) == FILTERS
    # The window widens a peak, and the lowest meet their mirror images.
    assert (peaks[4:].diff() > 0).all()
    assert peaks[-1] == pytest.approx(HIGHEST, abs=20)
    assert peaks[4:].min() > LOWEST
