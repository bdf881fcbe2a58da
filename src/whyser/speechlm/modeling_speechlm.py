"""The model: speech encoders, connectors, and a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, GenerationMixin, PreTrainedModel

from .alignment import AlignmentHead, Text, answers
from .configuration_speechlm import EMOTION, SpeechLMConfig
from .connectors import Connector
from .encoders import Encoder, encoder_of
from .tasks import learners, taught
from .training import Terms, follow_trainers


class SpeechLMForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """A language model with audio input.

    Each branch's connector makes tokens of an encoder's states, which replace the `<|AUDIO|>`
    tokens. Encoders never train. If the configuration alternates, a sample trains only the branch
    of its task, except in the last epoch.
    """

    config_class = SpeechLMConfig
    config: SpeechLMConfig
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_flash_attn = True
    _supports_sdpa = True
    _no_split_modules = ["Connector"]  # noqa: RUF012
    _skip_keys_device_placement = "past_key_values"
    #: The loss is no mean over tokens, so the trainer itself divides it by the accumulated steps.
    accepts_loss_kwargs = False
    #: The trainer's callback finds the model by it, wherever its code was loaded from.
    is_speechlm = True

    def __init__(
        self, config: SpeechLMConfig, parts: Mapping[str, nn.Module] | None = None
    ) -> None:
        """
        Args: `parts`, pretrained modules under "speech", "emotion" and "llm"; others are random.
        """
        super().__init__(config)
        parts = parts or {}
        for module in (one for part in parts.values() for one in part.modules()):
            # transformers does not initialise modules with this mark.
            module._is_hf_initialized = True  # type: ignore[assignment]
        encoders: dict[str, Any] = {}
        for kind in ("speech", "emotion"):
            if (own := getattr(config, f"{kind}_config")) is not None:
                encoders[kind] = parts.get(kind) or encoder_of(own)
                setattr(self, f"{kind}_encoder", encoders[kind])
        text_width = config.text_config.hidden_size
        for name in config.branches:
            branch = config.branch(name)
            encoder = encoders[branch.encoder]
            connector = Connector(
                branch,
                states=encoder.states,
                width=encoder.width,
                text_width=text_width,
                scale=config.embedding_scale,
            )
            setattr(self, f"{name}_connector", connector)
        if config.aligns:
            self.alignment_head = AlignmentHead(config.branch(EMOTION), text_width)
        self.language_model: Any = parts.get("llm") or AutoModelForCausalLM.from_config(
            config.text_config
        )
        if tied := getattr(self.language_model, "_tied_weights_keys", None):
            self._tied_weights_keys = _inside_language_model(tied)
        # The trainer's callback sets both.
        self.is_last_epoch, self.pressure = False, 1.0
        self.terms = Terms()
        self.freeze_encoders()
        self.post_init()

    # ---- the interface of transformers and the trainer --------------------------------------

    @classmethod
    def from_pretrained(cls, *args: Any, **options: Any) -> Any:
        """Freezes the encoders again, since transformers 5 replaces their frozen weights by new
        ones that train."""
        loaded = super().from_pretrained(*args, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.freeze_encoders()
        return loaded

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_output_embeddings(value)

    def get_decoder(self) -> nn.Module:
        return self.language_model.get_decoder()

    def encoders(self) -> dict[str, Encoder]:
        """The model's encoders by kind."""
        found = {kind: getattr(self, f"{kind}_encoder", None) for kind in ("speech", "emotion")}
        return {kind: encoder for kind, encoder in found.items() if encoder is not None}

    def freeze_encoders(self) -> None:
        for encoder in self.encoders().values():
            encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> SpeechLMForConditionalGeneration:
        super().train(mode)
        # Encoders do not train, so they need no dropout and no gradient checkpointing, which is for
        # modules in training mode and runs out of memory on WavLM's layers.
        for encoder in self.encoders().values():
            encoder.eval()
        if mode:
            follow_trainers()
        return self

    # ---- hearing -----------------------------------------------------------------------------

    def heard(
        self, input_features: Tensor | None, input_values: Tensor | None, audio_lengths: Tensor
    ) -> dict[str, tuple[Any, Tensor]]:
        """The states of each encoder's layers, float[B, T, W] each, and the mask of their frames of
        sound, bool[B, T]."""
        states = {}
        for kind, encoder in self.encoders().items():
            name = "input_features" if encoder.is_mel else "input_values"
            sound = input_features if encoder.is_mel else input_values
            if sound is None:
                raise ValueError(
                    f"the {kind} encoder got no {name}: prepare the sound with this checkpoint's "
                    "own feature extractor (trust_remote_code)"
                )
            weights = next(encoder.parameters())
            with torch.no_grad():
                states[kind] = encoder(
                    sound.to(weights.device, weights.dtype), audio_lengths.to(weights.device)
                )
        return states

    def connected(
        self, states: dict[str, tuple[Any, Tensor]], learns: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The tokens of each clip, float[B, N, H], and each branch's KL term.

        `learns` has the clips that train each branch, bool[B]; None for all.
        """
        tokens, divergences = [], {}
        for name in sorted(self.config.branches):
            branch = self.config.branch(name)
            features, divergence = getattr(self, f"{name}_connector")(*states[branch.encoder])
            if learns is not None:
                features = taught(features, learns[name])
                divergence = taught(divergence, learns[name])
            tokens.append(features)
            if branch.beta:
                divergences[name] = divergence.mean()
        if self.config.fusion == "sequence":
            return torch.cat(tokens, 1), divergences
        return torch.stack(tokens).sum(0), divergences

    # ---- answering ---------------------------------------------------------------------------

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        input_features: Tensor | None = None,
        input_values: Tensor | None = None,
        audio_lengths: Tensor | None = None,
        feature_attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **others: Any,
    ) -> Any:
        """
        Args:
            input_ids, attention_mask, labels: int[B, T], as in any language model.
            input_features: float[C, mels, frames] of C clips, in the order of their tokens.
            input_values: float[C, n], their waveforms.
            audio_lengths: int[C], their samples without padding.
            feature_attention_mask: Not used; the template gets the number of tokens from it.
            logits_to_keep: Number of last positions with logits; 0 for all.

        Returns: the language model's output; its loss includes our terms.

        Raises: `ValueError` if clips and `<|AUDIO|>` tokens do not fit.
        """
        states, count = None, 0
        if audio_lengths is not None:
            states = self.heard(input_features, input_values, audio_lengths)
            count = len(audio_lengths)
        if labels is not None and self._aligns():
            clips = self._clips(input_ids, count)
            if states is None or (clips != 1).any():
                raise ValueError(
                    f"alignment needs one clip a row, and the rows have {clips.tolist()}: "
                    "leave out the other rows"
                )
            return self._aligned(states, labels)
        divergences: dict[str, Tensor] = {}
        if input_ids is not None and inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
            # Later the cache has the sound, and an audio token belongs to the generated answer.
            if past_key_values is None or not past_key_values.get_seq_length():
                clips = self._clips(input_ids, count)
                if states is not None:
                    tokens, divergences = self.connected(states, self._learners(labels, clips))
                    inputs_embeds = self._merged(inputs_embeds, input_ids, tokens)
        answered = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            labels=labels,
            logits_to_keep=logits_to_keep,
            **others,
        )
        if labels is not None:
            self._tell({"loss_task": answered.loss})
            for name, divergence in divergences.items():
                beta = self.config.branch(name).beta
                # Evaluation losses must be comparable over the whole run.
                pressure = self.pressure if self.training else 1.0
                answered.loss = answered.loss + pressure * beta * divergence
                # The log has the term without its weight.
                self._tell({f"kl_{name}": divergence})
        return answered

    def prepare_inputs_for_generation(self, input_ids: Tensor, **kwargs: Any) -> dict[str, Any]:
        sound = {
            key: kwargs.pop(key, None)
            for key in ("input_features", "input_values", "audio_lengths", "feature_attention_mask")
        }
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(input_ids, **kwargs)
        # From the second token on, the cache has the sound.
        positions = inputs.get("cache_position")
        if positions is None or positions[0] == 0:
            inputs.update(sound)
        return inputs

    def _tell(self, terms: dict[str, Tensor]) -> None:
        if self.training:
            self.terms.add(terms)

    def _clips(self, input_ids: Any, clips: int) -> Tensor:
        """int[B], the number of clips in each row."""
        count = self.config.audio_tokens
        found = (input_ids == self.config.audio_token_index).sum(1)
        if found.sum() != clips * count or (found % count).any():
            raise ValueError(
                f"{clips} clips are {clips * count} tokens, and the text has {found.tolist()} "
                f"<|AUDIO|> tokens: each clip needs {count}. Raise cutoff_len if it cuts the "
                "sound, use this checkpoint's processor, and give it the sound (audio=)"
            )
        return found // count

    def _learners(self, labels: Tensor | None, clips: Tensor) -> dict[str, Tensor] | None:
        """The clips that train each branch, bool[C]; None if all clips train all branches."""
        if labels is None or not self.training or not self.config.alternates or self.is_last_epoch:
            return None
        rows = learners(labels, self.config)
        return {name: each.repeat_interleave(clips) for name, each in rows.items()}

    def _merged(self, embeddings: Tensor, input_ids: Tensor, tokens: Tensor) -> Tensor:
        places = (input_ids == self.config.audio_token_index)[..., None].expand_as(embeddings)
        return embeddings.masked_scatter(places, tokens.to(embeddings.device, embeddings.dtype))

    # ---- a Q-Former's first stage ------------------------------------------------------------

    def _aligns(self) -> bool:
        """Whether this is the first stage: its head trains, and the language model does not. So the
        trainer's configuration decides the stage."""
        return (
            self.config.aligns
            and self.alignment_head.temperature.requires_grad
            and not any(weights.requires_grad for weights in self.language_model.parameters())
        )

    def _aligned(self, states: dict[str, tuple[Any, Tensor]], labels: Tensor) -> Any:
        from transformers.modeling_outputs import CausalLMOutputWithPast

        layers, frames = states[self.config.branch(EMOTION).encoder]
        connector: Any = self.emotion_connector
        with torch.no_grad():
            ids, is_text = answers(labels)
            text = Text(ids, is_text, self.get_input_embeddings()(ids))
        head: Any = self.alignment_head
        vocabulary: Any = self.get_output_embeddings()
        losses = head(
            connector.compression,
            connector.weighed(layers),
            frames,
            text,
            vocabulary.weight.detach(),
        )
        self._tell({f"loss_{name}": value for name, value in losses.items()})
        loss = torch.stack(list(losses.values())).sum()
        # The trainer gathers logits in an evaluation, so it gets empty ones.
        return CausalLMOutputWithPast(loss=loss, logits=loss.detach().new_zeros(len(labels), 1))


def _inside_language_model(tied: Any) -> Any:
    """The names of tied weights in this model: a list up to transformers 4, since 5 a dict of each
    name and the name that it is tied to."""
    if isinstance(tied, Mapping):
        return {f"language_model.{key}": f"language_model.{own}" for key, own in tied.items()}
    return [f"language_model.{key}" for key in tied]
