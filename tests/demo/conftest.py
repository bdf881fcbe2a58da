"""One small set of corpora and one model, shared by all tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="session")
def corpora(native_corpora: Path) -> Path:
    return native_corpora


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    from whyser.demo.model import write_model

    directory = tmp_path_factory.mktemp("demo") / "model"
    write_model(directory, seed=0)
    return directory
