"""Hugging Face's Trainer with our batches and loss, which stops at a NaN or infinite loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments

from whyser.baselines.ssl.batches import Buckets
from whyser.baselines.ssl.epochs import Bar, Epochs, StopWithoutGain, metrics
from whyser.baselines.ssl.sounds import Collator, Sounds
from whyser.io.errors import WhyserError
from whyser.records.predictions import listed


class ClassifierTrainer(Trainer):
    """Trains a `Network` on `Sounds`; without a criterion it can only answer."""

    def __init__(
        self,
        network: nn.Module,
        args: TrainingArguments,
        *,
        floor: int = 0,
        criterion: nn.Module | None = None,
        train: Sounds | None = None,
        dev: Sounds | None = None,
        patience: int | None = None,
    ) -> None:
        super().__init__(
            network,
            args,
            data_collator=Collator(floor),
            train_dataset=train,
            eval_dataset=dev,
            compute_metrics=metrics,
        )
        self.criterion = criterion
        self._call_back(patience)

    def _call_back(self, patience: int | None) -> None:
        handler: Any = self.callback_handler
        # Both print every log as a dictionary.
        handler.remove_callback(PrinterCallback)
        handler.remove_callback(ProgressCallback)
        if not self.args.disable_tqdm:
            handler.add_callback(Bar())
        if isinstance(self.train_dataset, Sounds):
            self.buckets = Buckets(
                self.train_dataset.lengths,
                self.args.per_device_train_batch_size,
                seed=self.args.seed,
                processes=self.args.world_size,
            )
            handler.add_callback(Epochs(self.buckets))
        if patience is not None:
            handler.add_callback(StopWithoutGain(patience))

    def get_train_dataloader(self) -> DataLoader[Any]:
        workers = self.args.dataloader_num_workers
        train: Any = self.train_dataset
        loader: DataLoader[Any] = DataLoader(
            train,
            batch_sampler=self.buckets,
            collate_fn=self.data_collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=workers > 0,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        logits, loss = self._heard(model, inputs)
        if loss is None or not torch.isfinite(loss):
            raise self._diverged(inputs, loss)
        return (loss, {"logits": logits}) if return_outputs else loss

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor, Tensor | None]:
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad():
            logits, loss = self._heard(model, inputs)
        if not torch.isfinite(logits).all():
            raise self._speechless(inputs, logits)
        return loss, logits, inputs.get("labels")

    def _heard(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        logits = model(inputs["sound"], inputs["lengths"]).float()
        if self.criterion is None or "targets" not in inputs:
            return logits, None
        return logits, self.criterion(logits, inputs["targets"])

    def _diverged(self, inputs: dict[str, Tensor], loss: Tensor | None) -> WhyserError:
        ids = _ids(self.train_dataset, inputs["numbers"])
        value = "missing" if loss is None else loss.item()
        return WhyserError(
            f"the loss is {value} at update {self.state.global_step + 1} of "
            f"{self.state.max_steps}, on {listed(ids)}. Lower --lr or raise --precision (bf16 "
            "instead of fp16, fp32 instead of either), and --restart. If that does not help, check "
            "these clips."
        )

    def _speechless(self, inputs: dict[str, Tensor], logits: Tensor) -> WhyserError:
        loader: Any = self.callback_handler.eval_dataloader
        ids = _ids(loader.dataset, inputs["numbers"][~torch.isfinite(logits).all(1)])
        trained = f" after {self.state.global_step} updates" if self.criterion else ""
        return WhyserError(
            f"the network's answer is NaN or infinite{trained}, on {listed(ids)}. Raise "
            "--precision (bf16 instead of fp16, fp32 instead of either), or train again with a "
            "lower --lr and --restart."
        )

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        # Trainer's state, which is written next, marks the files of all processes as complete.
        self.accelerator.wait_for_everyone()


def _ids(sounds: Any, numbers: Tensor) -> list[str]:
    return [sounds.probed[number].clip.id for number in numbers.tolist()]


def probabilities(trainer: Trainer, sounds: Sounds) -> npt.NDArray[np.float64]:
    """The network's probabilities of each clip, float64[n, C], whose rows sum to 1."""
    # Clips are sorted by length, for little padding; their answers return to the given order.
    order = np.argsort(sounds.lengths, kind="stable")[::-1]
    probed = [sounds.probed[place] for place in order]
    ranked = replace(sounds, probed=probed, targets=None, labels=None)
    found: Any = trainer.predict(ranked).predictions
    logits = np.empty_like(found, dtype=np.float64)
    logits[order] = found
    shares = np.exp(logits - logits.max(1, keepdims=True))
    given: npt.NDArray[np.float64] = shares / shares.sum(1, keepdims=True)
    return given
