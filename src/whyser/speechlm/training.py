"""What a model must know of its trainer, and what it tells it.

A trainer tells a model neither the epoch nor asks it for more than one loss. `transformers` gives
every trainer the callbacks of a list, however the trainer was made: ours joins it when a model of
ours is first set to train.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback


class Terms:
    """The terms of the loss since they were last told."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            # Kept where it is: to fetch it would have every step wait for the device.
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().float()
            self._counts[name] = self._counts.get(name, 0) + 1

    def told(self) -> dict[str, float]:
        """Their means, and begins anew."""
        means = {
            name: round(float(self._sums[name]) / self._counts[name], 4) for name in self._sums
        }
        self._sums, self._counts = {}, {}
        return means


class TrainingCallback(TrainerCallback):
    """Sets the last epoch off from those before, presses bottlenecks little by little, logs the
    terms of the loss, and refuses to train an encoder.

    Looks for models that say `is_speechlm`, and leaves all others alone.
    """

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        for one in _ours(model):
            refuse_trained_encoders(one)

    def on_step_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_: Any
    ) -> None:
        for one in _ours(model):
            # Of a given number of steps the trainer rounds the epochs up.
            epochs = state.num_train_epochs if args.max_steps > 0 else args.num_train_epochs
            one.is_last_epoch = is_last_epoch(state.global_step, state.max_steps, epochs)
            one.pressure = pressure(state.global_step, state.max_steps)

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        # Evaluation logs too, in between.
        if logs is None or "loss" not in logs:
            return
        for one in _ours(model):
            terms = one.terms.told()
            # What is printed and sent to trackers, and what trainer_state.json keeps.
            logs.update(terms)
            state.log_history[-1].update(terms)


def follow_trainers() -> None:
    """Has every trainer that is made from now on call `TrainingCallback`."""
    from transformers import trainer

    names = {getattr(callback, "__name__", "") for callback in trainer.DEFAULT_CALLBACKS}
    if TrainingCallback.__name__ not in names:
        trainer.DEFAULT_CALLBACKS.append(TrainingCallback)


def is_last_epoch(step: int, steps: int, epochs: float) -> bool:
    """Whether update `step` of `steps`, counted from 0, lies in the last of so many epochs.

    >>> [is_last_epoch(step, 6, 3) for step in range(6)]
    [False, False, False, False, True, True]
    """
    return step >= steps - steps / epochs


def pressure(step: int, steps: int) -> float:
    """The share of its weight that a bottleneck's KL term has: it grows over the first half.

    A bottleneck that is pressed before the language model has learnt to listen lets go of
    everything. Source: Bowman et al. (2016).

    >>> [pressure(step, 8) for step in (0, 2, 4, 7)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return min(1.0, 2 * step / steps)


def refuse_trained_encoders(model: nn.Module) -> None:
    """Raises: `ValueError` where weights of an encoder would be trained."""
    for name, weights in model.named_parameters():
        if weights.requires_grad and name.startswith(("speech_encoder.", "emotion_encoder.")):
            raise ValueError(
                f"{name} would be trained, and the encoders stay as they are: lora_target names a "
                "module that they have too. Take names of the language model alone (o_proj, "
                "gate_proj, up_proj, down_proj, lm_head) or whole ones "
                "(language_model.model.layers.0.self_attn.q_proj, ...)"
            )


def _ours(model: Any) -> list[Any]:
    """The models of ours within a wrapped one."""
    return [one for one in model.modules() if getattr(one, "is_speechlm", False)]
