"""A callback that connects the model with its trainer.

A trainer does not tell a model the epoch, and logs only one loss. Our callback does both. It joins
the default callbacks of `transformers` when one of our models is first set to train.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback


class Terms:
    """The sums of the loss's terms since the last log."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            # It stays on its device, since a copy would make every step wait.
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().float()
            self._counts[name] = self._counts.get(name, 0) + 1

    def told(self) -> dict[str, float]:
        """Returns the means, and resets the sums."""
        means = {
            name: round(float(total) / self._counts[name], 4) for name, total in self._sums.items()
        }
        self._sums, self._counts = {}, {}
        return means


class TrainingCallback(TrainerCallback):
    """Tells the model the last epoch and the weight of its bottlenecks, logs the terms of the loss,
    and refuses to train an encoder. It ignores models without `is_speechlm`.
    """

    def on_train_begin(self, *_: Any, model: Any = None, **__: Any) -> None:
        for one in _ours(model):
            refuse_trained_encoders(one)

    def on_step_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        for one in _ours(model):
            # For a given number of steps the trainer rounds the epochs up.
            epochs = state.num_train_epochs if args.max_steps > 0 else args.num_train_epochs
            one.is_last_epoch = is_last_epoch(state.global_step, state.max_steps, epochs)
            one.pressure = pressure(state.global_step, state.max_steps)

    def on_log(
        self, args: Any, state: Any, control: Any, model: Any = None, logs: Any = None, **_: Any
    ) -> None:
        # Logs of an evaluation have no training loss.
        if logs is None or "loss" not in logs:
            return
        for one in _ours(model):
            terms = one.terms.told()
            # For the terminal and trackers, and for trainer_state.json.
            logs.update(terms)
            state.log_history[-1].update(terms)


def follow_trainers() -> None:
    """Adds `TrainingCallback` to all trainers that are created from now on."""
    from transformers import trainer

    names = {getattr(callback, "__name__", "") for callback in trainer.DEFAULT_CALLBACKS}
    if TrainingCallback.__name__ not in names:
        trainer.DEFAULT_CALLBACKS.append(TrainingCallback)


def is_last_epoch(step: int, steps: int, epochs: float) -> bool:
    """Whether update `step` of `steps`, counted from 0, is in the last epoch.

    >>> [is_last_epoch(step, 6, 3) for step in range(6)]
    [False, False, False, False, True, True]
    """
    return step >= steps - steps / epochs


def pressure(step: int, steps: int) -> float:
    """The factor of a bottleneck's KL term, which rises to 1 in the first half of the training.

    With its full weight from the start, a bottleneck would drop all information before the language
    model learns to use it. Source: Bowman et al. (2016).

    >>> [pressure(step, 8) for step in (0, 2, 4, 7)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return min(1.0, 2 * step / steps)


def refuse_trained_encoders(model: nn.Module) -> None:
    """Raises: `ValueError` where weights of an encoder would be trained."""
    for name, weights in model.named_parameters():
        if weights.requires_grad and name.startswith(("speech_encoder.", "emotion_encoder.")):
            raise ValueError(
                f"{name} would be trained, but encoders must not train: lora_target names a module "
                "that they have too. Give names that only the language model has (o_proj, "
                "gate_proj, up_proj, down_proj, lm_head) or full names "
                "(language_model.model.layers.0.self_attn.q_proj, ...)"
            )


def _ours(model: Any) -> list[Any]:
    """Our models within a wrapped one."""
    return [one for one in model.modules() if getattr(one, "is_speechlm", False)]
