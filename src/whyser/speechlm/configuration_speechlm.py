"""The configuration of a checkpoint."""

from __future__ import annotations

from typing import Any

from transformers import CONFIG_MAPPING, AutoConfig, PretrainedConfig

CONTENT, EMOTION = "content", "emotion"
"""The branches, for what is said and for how it is said."""


class BranchConfig:
    """A path from an encoder to the language model.

    Args:
        encoder: The encoder whose states it uses, "speech" or "emotion".
        connector: "mlp", "vae" or "qformer".
        tokens: Tokens of a clip, whatever its length.
        width: Width of the connector's inner layer, or of a bottleneck's latent.
        layers: "weighted", a learnt mean of the encoder's layers, or "last".
        beta: Weight of the bottleneck's KL term; 0 gives a plain MLP.
        depth, heads: Layers and attention heads of a Q-Former.
    """

    def __init__(
        self,
        *,
        encoder: str,
        connector: str,
        tokens: int,
        width: int,
        layers: str = "weighted",
        beta: float = 0.0,
        depth: int = 0,
        heads: int = 0,
    ) -> None:
        self.encoder, self.connector, self.layers = encoder, connector, layers
        self.tokens, self.width = tokens, width
        self.beta, self.depth, self.heads = beta, depth, heads

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


class SpeechLMConfig(PretrainedConfig):
    """Configuration of a `SpeechLMForConditionalGeneration`.

    Args:
        text_config: That of the decoder-only language model.
        speech_config, emotion_config: Those of the encoders; either may be missing.
        branches: A `BranchConfig` (or its dict) under "content", "emotion" or both.
        fusion: "sequence" concatenates the branches' tokens, content first; "feature" adds them,
            which equals a linear layer over both, since each branch ends in a linear layer.
        alternates: Whether a sample trains only the branch of its task, except in the last epoch.
        aligns: Whether there is a head for a Q-Former's first stage (`alignment`).
        audio_token_index: Id of the placeholder for a token of sound.
        transcript_start, transcript_end: The ids with which an answer begins and ends if it is
            only a transcript; `turn_end`, the id after it.
        embedding_scale: Root mean square of the language model's embeddings, the connectors'
            initial scale.
        recipe: The name of its recipe, which the model does not use.

    Raises: `ValueError` for branches that do not fit each other or need a missing encoder.
    """

    model_type = "whyser_speechlm"
    # Without the encoders: transformers cannot save a missing one, and would set the language
    # model's kind of attention on them, which WavLM refuses.
    sub_configs = {"text_config": AutoConfig}  # noqa: RUF012

    def __init__(
        self,
        text_config: Any = None,
        speech_config: Any = None,
        emotion_config: Any = None,
        branches: dict[str, Any] | None = None,
        fusion: str = "sequence",
        alternates: bool = False,
        aligns: bool = False,
        audio_token_index: int = 0,
        transcript_start: tuple[int, ...] = (),
        transcript_end: tuple[int, ...] = (),
        turn_end: int = 0,
        embedding_scale: float = 1.0,
        recipe: str = "",
        **others: Any,
    ) -> None:
        # transformers also creates a configuration without arguments, for comparison.
        self.text_config = _config(text_config or {"model_type": "qwen2"})
        self.speech_config = _config(speech_config)
        self.emotion_config = _config(emotion_config)
        self.branches = {
            name: branch.to_dict() if isinstance(branch, BranchConfig) else dict(branch)
            for name, branch in (branches or {}).items()
        }
        self.fusion, self.alternates, self.aligns = fusion, alternates, aligns
        self.audio_token_index, self.turn_end = audio_token_index, turn_end
        self.transcript_start = list(transcript_start)
        self.transcript_end = list(transcript_end)
        self.embedding_scale, self.recipe = embedding_scale, recipe
        _refuse_misfits(self)
        # peft reads it here, and the default of transformers is true.
        others["tie_word_embeddings"] = self.text_config.tie_word_embeddings
        super().__init__(**others)

    def branch(self, name: str) -> BranchConfig:
        return BranchConfig(**self.branches[name])

    @property
    def audio_tokens(self) -> int:
        """The number of tokens of a clip."""
        counts = [branch["tokens"] for branch in self.branches.values()]
        return sum(counts) if self.fusion == "sequence" else max(counts, default=0)


def _config(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return CONFIG_MAPPING[given["model_type"]](**given)


def _refuse_misfits(config: SpeechLMConfig) -> None:
    if unknown := set(config.branches) - {CONTENT, EMOTION}:
        raise ValueError(f"branch {unknown.pop()!r}, expected {CONTENT!r} or {EMOTION!r}")
    for name in config.branches:
        branch = config.branch(name)
        if getattr(config, f"{branch.encoder}_config", None) is None:
            raise ValueError(
                f"the {name} branch needs the {branch.encoder} encoder, which is missing: "
                f"give {branch.encoder}_config"
            )
        if branch.connector == "qformer" and branch.width % max(branch.heads, 1):
            raise ValueError(
                f"a Q-Former of width {branch.width} cannot have {branch.heads} heads: "
                "make the width a multiple of the heads"
            )
    if config.fusion not in {"sequence", "feature"}:
        raise ValueError(f"fusion is {config.fusion!r}, expected 'sequence' or 'feature'")
    counts = {branch["tokens"] for branch in config.branches.values()}
    if config.fusion == "feature" and len(counts) > 1:
        raise ValueError(
            f"fusion by feature adds the branches token by token, but they have {sorted(counts)} "
            "tokens: give both the same number, or fuse by sequence"
        )
