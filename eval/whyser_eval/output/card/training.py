"""What a model was trained on, from the folder that LLaMA-Factory wrote and our manifests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_jsonl, read_record, read_yaml
from whyser.prompting.answer import BLOCKS
from whyser_eval.output.card.places import Places

#: What `./run.sh` writes to the folder of a model: the configuration as it was launched, and the
#: record of the training.
SETTINGS, RECORD = "whyser_settings.yaml", "whyser_training.json"

#: The settings that decide what is learnt, in the order of the card.
_SHOWN = (
    *("stage", "finetuning_type", "lora_rank", "lora_alpha", "lora_target", "quantization_bit"),
    *("learning_rate", "lr_scheduler_type", "warmup_ratio", "num_train_epochs", "max_steps"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "early_stopping_steps"),
    *("cutoff_len", "max_samples", "template", "pref_loss", "pref_beta", "bf16", "fp16", "seed"),
)

#: Rows whose answer gives the shares of several labels.
NO_LABEL = "no single label"

_TAG = re.compile(rf"<({BLOCKS})>")

_MODEL_CURE = (
    "Give --model, the folder with the trained model, and --settings, the YAML that it was trained "
    "with, if the folder has none."
)


class TrainingRecord(BaseModel):
    """`whyser_training.json`, as far as a card shows it.

    `start` has the start models of a setting: identity -> name, of which the hub's are the same.
    """

    finished: bool = False
    start: dict[str, dict[str, str]] = {}


class TrainerState(BaseModel):
    """`trainer_state.json`: how far a training came."""

    global_step: int
    epoch: float | None = None
    log_history: list[dict[str, Any]] = []

    @property
    def loss(self) -> float | None:
        """The mean loss of the training, which the last entry of its log has."""
        found = [one["train_loss"] for one in self.log_history if "train_loss" in one]
        return found[-1] if found and isinstance(found[-1], int | float) else None


@dataclass(frozen=True)
class TrainedRows:
    """The rows of a dataset that a training used, counted.

    `parts` counts by corpus and split; `blocks` by the tags of the answer, in their order, and is
    empty for pairs of answers.
    """

    name: str
    n: int
    utterances: int
    parts: Mapping[tuple[str, str], int]
    forms: Mapping[str, int]
    labels: Mapping[str, int]
    blocks: Mapping[tuple[str, ...], int]

    @property
    def corpora(self) -> list[str]:
        return list(dict.fromkeys(corpus for corpus, _ in self.parts))


@dataclass(frozen=True)
class Training:
    """One training, from the checkpoint `start`.

    `state` is None where LLaMA-Factory left no `trainer_state.json`.
    """

    settings: Mapping[str, Any]
    start: str
    is_start_on_hub: bool
    is_adapter: bool
    state: TrainerState | None
    rows: Sequence[TrainedRows]

    @property
    def shown(self) -> list[tuple[str, Any]]:
        return [
            (key, self.settings[key]) for key in _SHOWN if self.settings.get(key) not in (None, "")
        ]


def read_trainings(
    folder: Path, places: Places, *, settings: Path | None, order: Sequence[str]
) -> list[Training]:
    """The trainings of a model in the order in which they followed each other.

    Args:
        folder: of the model; of several trainings each has a folder in it
        settings: the YAML that it was trained with, if it is not in the folder
        order: names of the folders of several trainings

    Raises: `InputError` for a folder, settings or manifest that is missing or broken, and for a
    training that has not finished.
    """
    if not folder.is_dir():
        raise InputError("no such folder", file=folder, cure=_MODEL_CURE)
    if settings or (folder / SETTINGS).is_file():
        return [_training(folder, settings or folder / SETTINGS, places)]
    found = sorted(
        (path.parent for path in folder.glob(f"*/{SETTINGS}")),
        key=lambda path: (order.index(path.name) if path.name in order else len(order), path.name),
    )
    if not found:
        raise InputError(f"has no {SETTINGS}", file=folder, cure=_MODEL_CURE)
    return [_training(one, one / SETTINGS, places) for one in found]


def _training(folder: Path, path: Path, places: Places) -> Training:
    known = (folder / RECORD).is_file()
    record = (
        read_record(folder / RECORD, _RECORD, cure="Train again.") if known else TrainingRecord()
    )
    if known and not record.finished:
        cure = "Give the command of the run again; it goes on."
        raise InputError("the training has not finished", file=folder, cure=cure)
    settings = read_yaml(path)
    if not isinstance(settings, dict) or not _names(settings.get("dataset")):
        raise InputError("names no dataset", file=path, cure=_MODEL_CURE)
    state = folder / "trainer_state.json"
    dataset_dir = Path(str(settings.get("dataset_dir", "data")))
    most = settings.get("max_samples")
    start = str(settings.get("model_name_or_path"))
    # By what it holds; a model of the hub by its name.
    starts = record.start.get("model_name_or_path")
    is_local = start not in starts if starts else places.at(Path(start)).is_dir()
    return Training(
        settings,
        start,
        not is_local and is_hub_id(start),
        (folder / "adapter_config.json").is_file(),
        read_record(state, _STATE, cure="Train again.") if state.is_file() else None,
        [
            _rows(name, _manifest(name, places.at(dataset_dir / "dataset_info.json")), most)
            for name in _names(settings["dataset"])
        ],
    )


_RECORD, _STATE = TypeAdapter(TrainingRecord), TypeAdapter(TrainerState)

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def is_hub_id(name: str) -> bool:
    """Whether a model of the hub can have this name.

    >>> is_hub_id("Qwen/Qwen2-Audio-7B"), is_hub_id("data/demo/model"), is_hub_id("./model")
    (True, False, False)
    """
    return _HUB_ID.fullmatch(name) is not None


def _names(value: Any) -> list[str]:
    """A list of names as LLaMA-Factory writes it, with commas."""
    return [name for part in str(value or "").split(",") if (name := part.strip())]


def _manifest(name: str, table: Path) -> Path:
    """The manifest of a dataset in LLaMA-Factory's table, whose paths are relative to its folder.

    Raises: `InputError` for a table that is missing, or names no file of the dataset.
    """
    try:
        file: str = read_json(table)[name]["file_name"]
        return (table.parent / file).with_suffix(".manifest.jsonl")
    except (KeyError, TypeError):
        what = f"names no file of the dataset {name}, which the model was trained on"
        raise InputError(what, file=table, cure="Write the dataset again.") from None


def _rows(name: str, manifest: Path, most: Any) -> TrainedRows:
    """The first `most` rows, which LLaMA-Factory takes of a dataset."""
    if not manifest.is_file():
        raise InputError(
            f"no manifest of the dataset {name}, so it is not known what was trained on",
            file=manifest,
            cure="Run whyser-eval card where the training ran, or write the dataset again.",
        )
    ids: set[str] = set()
    parts, forms, labels = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    blocks = Counter[tuple[str, ...]]()
    cure = "Write the dataset again."
    last = most if isinstance(most, int) and most > 0 else None
    for number, row in islice(read_jsonl(manifest), last):
        try:
            ids.add(row["id"])
            parts[row["corpus"], row["split"]] += 1
            forms[row["form"]] += 1
            labels[row["label"] or NO_LABEL] += 1
            if "answer" in row:
                blocks[tuple(_TAG.findall(row["answer"]))] += 1
        except (KeyError, TypeError) as error:
            what = f"lacks {error}, or has another type"
            raise InputError(what, file=manifest, line=number, cure=cure) from None
    if not ids:
        raise InputError("holds no rows", file=manifest, cure=cure)
    return TrainedRows(name, forms.total(), len(ids), parts, forms, labels, blocks)


def all_rows(trainings: Iterable[Training]) -> Iterator[TrainedRows]:
    """Each dataset once."""
    seen = {rows.name: rows for training in trainings for rows in training.rows}
    yield from seen.values()


def has_reasons(rows: Iterable[TrainedRows]) -> bool:
    """Whether some answers have a rationale."""
    return any("reason" in blocks for each in rows for blocks in each.blocks)
