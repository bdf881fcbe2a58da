"""The states of a frozen encoder: computed once for each clip, kept for every epoch and later run.

They lie in a folder for each encoder, window, precision and form: either the statistics of every
layer, or all states. It grows by whole files, so a run that stops goes on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.utils.data import DataLoader

from whyser.baselines.ssl.batches import Turn
from whyser.baselines.ssl.pooling import Pooling, layer_statistics
from whyser.baselines.ssl.pretrained import Pretrained
from whyser.baselines.ssl.reference import Reference, SpeakerReference
from whyser.baselines.ssl.sounds import Collator, Probed, Sounds
from whyser.evidence.cues import FEWEST_CLIPS
from whyser.io.audio import SAMPLING_RATE
from whyser.io.console import say, track
from whyser.io.errors import InputError
from whyser.io.files import atomic_path, short_hash, write_json

#: What is kept of a clip: float32[S, 2 W] of `layer_statistics`, or its states, float16[S, T, W].
Form: TypeAlias = Literal["statistics", "states"]

#: A file is written after so many bytes or seconds; a run that stops repeats at most one.
_FILE_BYTES, _FILE_SECONDS = 256 << 20, 60
#: Files that are open at a time; a process may often open only 1,024.
_OPEN = 128
#: The states of all frames may take this share of the disk's free space.
_MOST = 0.5
#: Frames in a second, of all encoders that we load.
_FRAMES = 50


class StateStore:
    """Tensors by key, in the safetensors files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Path] = {}
        self._open: dict[Path, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Finds what other processes wrote."""
        known = set(self._places.values())
        for path in sorted(self.folder.glob("[!.]*.safetensors")):
            if path not in known:
                self._places |= dict.fromkeys(self._file(path).keys(), path)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Tensor:
        found: Tensor = self._file(self._places[key]).get_tensor(key)
        return found

    def write(self, states: Mapping[str, Tensor]) -> None:
        if not states:
            return
        path = self.folder / f"{short_hash(' '.join(sorted(states)))}.safetensors"
        # safetensors' own files can be read by their writer only, and a team shares this folder.
        with atomic_path(path) as temporary:
            temporary.write_bytes(save(dict(states)))
        self._open.pop(path, None)
        self._places |= dict.fromkeys(states, path)

    def _file(self, path: Path) -> Any:
        if path not in self._open:
            try:
                found: Any = safe_open(path, framework="pt")
            except SafetensorError as error:
                cure = "Delete it; its states are then computed again."
                raise InputError(f"cannot be read ({error})", file=path, cure=cure) from None
            if len(self._open) >= _OPEN:
                self._open.pop(next(iter(self._open)))
            self._open[path] = found
        return self._open[path]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process opens the files itself.
        return self.__dict__ | {"_open": {}}


@dataclass
class KeptSounds(Sounds):
    """As `Sounds`, with what is kept of the encoder's states in place of sound."""

    store: StateStore | None = None
    reference: SpeakerReference | None = None

    def __getitem__(self, turn: Turn | int) -> dict[str, Any]:
        number = turn[1] if isinstance(turn, tuple) else turn
        kept = self.kept(number)
        return self.row(number, kept.numpy(), kept.shape[1])

    def kept(self, number: int) -> Tensor:
        """float32[S, 2 W], relative to the speaker if there is a reference, or [S, T, W]."""
        one = self.probed[number]
        if self.store is None:
            raise RuntimeError("KeptSounds need a store")
        kept = self.store[key_of(one, self.longest)].float()
        return self.reference(one.clip.id, kept) if self.reference else kept


def kept_sounds(
    parts: Sequence[Sounds],
    folder: Path,
    pretrained: Pretrained,
    pooling: Pooling,
    given: Any,
    reference: Reference = "none",
) -> list[KeptSounds] | None:
    """What is kept of each part's clips, after computing what `folder` lacks of it.

    Each process of a run computes its share.

    Args: `given`, Trainer's settings; `reference`, whether features are relative to the speaker.

    Returns: None if the states of all frames do not fit on the disk.
    """
    form: Form = "states" if pooling == "attentive" else "statistics"
    about = {"encoder": pretrained.identity, "form": form, "precision": _precision(given)}
    store = StateStore(folder / short_hash(str(sorted(about.items()))))
    lacking = [_lacking(store, part) for part in parts]
    if form == "states" and not _fits(folder, lacking, pretrained):
        return None
    # One process may be faster than another looks.
    given.distributed_state.wait_for_everyone()
    if given.process_index == 0:
        write_json(store.folder / "about.json", about)
    _compute(store, lacking, pretrained, form, given)
    kept = [KeptSounds(**vars(part), store=store) for part in parts]
    if reference == "speaker":
        _relate(kept)
    return kept


def key_of(one: Probed, longest: int) -> str:
    """Identifies a clip by its id and its file's size and time, since reading all takes long, and
    by the part that is used."""
    status = one.path.stat()
    used = min(one.frames, longest)
    told = f"{one.clip.id}\n{status.st_size}\n{status.st_mtime_ns}\n{used}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _lacking(store: StateStore, part: Sounds) -> Sounds:
    found = [one for one in part.probed if key_of(one, part.longest) not in store]
    return Sounds(found, part.ear, part.longest)


def _fits(folder: Path, parts: Sequence[Sounds], pretrained: Pretrained) -> bool:
    """Whether the disk has room for all states, and still half of its free space."""
    seconds = sum(sum(part.lengths) for part in parts) / SAMPLING_RATE
    encoder = pretrained.encoder
    needed = 2 * seconds * _FRAMES * encoder.states * encoder.width
    existing = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(existing).free
    if needed <= _MOST * free:
        return True
    say(
        f"note: the states of all frames take {needed / 1e9:,.1f} GB, and {folder} has "
        f"{free / 1e9:,.1f} GB free, so they are computed in every epoch; --pooling statistics "
        "needs little room"
    )
    return False


def _compute(
    store: StateStore, lacking: Sequence[Sounds], pretrained: Pretrained, form: Form, given: Any
) -> None:
    began, count = time.monotonic(), sum(map(len, lacking))
    if count and given.process_index == 0:
        say(f"computing the states of {count:,} clips for {store.folder}")
    for part in lacking:
        # Clips of similar length share a batch; the longest are first, since they need most memory.
        ranked = sorted(part.probed, key=lambda one: (-one.frames, one.clip.id))
        own = replace(part, probed=ranked[given.process_index :: given.world_size])
        found: dict[str, Tensor] = {}
        begun = time.monotonic()
        for number, states in _states(own, pretrained, form, given):
            found[key_of(own.probed[number], own.longest)] = states
            size = sum(one.nbytes for one in found.values())
            if size > _FILE_BYTES or time.monotonic() - begun > _FILE_SECONDS:
                store.write(found)
                found, begun = {}, time.monotonic()
        store.write(found)
    given.distributed_state.wait_for_everyone()
    store.refresh()
    if count and given.process_index == 0:
        say(f"computed them in {time.monotonic() - began:.0f} s")


@torch.no_grad()
def _states(
    sounds: Sounds, pretrained: Pretrained, form: Form, given: Any
) -> Iterator[tuple[int, Tensor]]:
    """What is kept of each clip, with its number."""
    encoder = pretrained.encoder.to(given.device).eval()
    loader: DataLoader[Any] = DataLoader(
        sounds,
        batch_size=given.per_device_eval_batch_size,
        collate_fn=Collator(encoder.floor),
        num_workers=given.dataloader_num_workers,
    )
    for batch in track(loader, "Computing states", total=len(loader)):
        lengths = batch["lengths"].to(given.device)
        with _computing(given):
            layers, frames = encoder(batch["sound"].to(given.device), lengths)
        if form == "statistics":
            kept = list(layer_statistics(layers, frames).cpu())
        else:
            counts = frames.sum(1).tolist()
            stacked = torch.stack([layer.float() for layer in layers], 1).cpu()
            kept = [_halved(one[:, :count]) for one, count in zip(stacked, counts, strict=True)]
        yield from zip(batch["numbers"].tolist(), (one.contiguous() for one in kept), strict=True)


def _halved(states: Tensor) -> Tensor:
    """float16, unless a value is too large for it."""
    halved = states.half()
    return halved if torch.isfinite(halved).all() else states


def _precision(given: Any) -> str:
    return "bf16" if given.bf16 else "fp16" if given.fp16 else "fp32"


def _computing(given: Any) -> Any:
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(_precision(given))
    return torch.autocast(given.device.type, kind) if kind else nullcontext()


def _relate(parts: Sequence[KeptSounds]) -> None:
    """Makes the features of all parts relative to their speakers."""
    places = [(part, number) for part in parts for number in range(len(part))]
    reference = SpeakerReference(
        [part.probed[number].clip for part, number in places],
        [partial(part.kept, number) for part, number in places],
    )
    if reference.strangers:
        say(
            f"note: {reference.strangers:,} clips are of a speaker with fewer than {FEWEST_CLIPS}; "
            "they are compared with the clips of the same gender, or with the corpus"
        )
    for part in parts:
        part.reference = reference
