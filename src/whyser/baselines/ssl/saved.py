"""A trained classifier on disk: `config.json`, `model.safetensors`, and, in `encoder/`, the
encoder's configuration and feature extractor."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from whyser import __version__
from whyser.baselines.ssl.network import Classifier, Network
from whyser.baselines.ssl.pooling import Pooling
from whyser.baselines.ssl.pretrained import Pretrained, load_extractor, untrained
from whyser.baselines.ssl.reference import Reference
from whyser.io.errors import InputError
from whyser.io.files import atomic_path, read_json, write_json
from whyser.labels.classes import EmotionClass
from whyser.records.provenance import file_hash
from whyser.records.utterance import input_error
from whyser.speechlm.encoders import Encoder

CARD, WEIGHTS, ENCODER = "config.json", "model.safetensors", "encoder"


class Card(BaseModel):
    """The settings of the network, and the name of the system."""

    model_config = ConfigDict(extra="forbid")

    system: str
    classes: tuple[EmotionClass, ...]
    pooling: Pooling
    hidden: int
    dropout: float
    reference: Reference = "none"
    whyser: str = __version__

    def network(self, encoder: Encoder) -> Network:
        return Network(encoder, len(self.classes), **self._settings)

    def classifier(self, encoder: Encoder) -> Classifier:
        """The network without its encoder."""
        return Classifier(encoder.states, encoder.width, len(self.classes), **self._settings)

    @property
    def _settings(self) -> Any:
        return {"pooling": self.pooling, "hidden": self.hidden, "dropout": self.dropout}


def whole(card: Card, trained: Any, encoder: Encoder) -> Network:
    """The network of a trained classifier, which may lack its frozen encoder."""
    if isinstance(trained, Network):
        return trained
    network = card.network(encoder.cpu())
    network.load_state_dict(trained.state_dict(), strict=False)
    return network


def save(folder: Path, card: Card, network: Network, extractor: Any) -> None:
    """Writes a classifier; its card comes last and marks the folder as complete."""
    folder.mkdir(parents=True, exist_ok=True)
    # An earlier card would say so of a mixture, if this stopped midway.
    (folder / CARD).unlink(missing_ok=True)
    network.encoder.config.save_pretrained(folder / ENCODER)
    extractor.save_pretrained(folder / ENCODER)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    write_json(folder / CARD, card.model_dump())


def read(folder: Path) -> tuple[Card, Network, Pretrained]:
    """Reads the classifier that `save` wrote.

    Raises: `InputError` for a folder without one, or whose parts do not fit.
    """
    try:
        card = Card.model_validate(read_json(folder / CARD))
    except ValidationError as error:
        raise input_error(error).at(folder / CARD) from None
    encoder = untrained(folder / ENCODER)
    extractor = load_extractor(str(folder / ENCODER), encoder.config)
    if not (folder / WEIGHTS).is_file():
        raise InputError("no such file", file=folder / WEIGHTS, cure="Train it, or copy it again.")
    pretrained = Pretrained(encoder, extractor, file_hash(folder / WEIGHTS))
    network = card.network(encoder)
    fill(network, folder / WEIGHTS)
    return card, network, pretrained


def fill(network: Classifier, weights: Path) -> None:
    """Loads weights into the network.

    Raises: `InputError` for weights of another network.
    """
    try:
        network.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        told = " ".join(str(error).split()[:12])
        raise InputError(
            f"are not this network's weights ({told})",
            file=weights,
            cure="Copy the folder again, or train again with --restart.",
        ) from None


def parameters(network: Network) -> dict[str, int]:
    counts = [(math.prod(one.shape), one.requires_grad) for one in network.parameters()]
    return {
        "all": sum(count for count, _ in counts),
        "trained": sum(count for count, is_trained in counts if is_trained),
    }
