"""What a checkpoint consists of."""

from __future__ import annotations

from typing import Any

from transformers import CONFIG_MAPPING, AutoConfig, PretrainedConfig

CONTENT, EMOTION = "content", "emotion"
"""The branches: what is said, and how."""


class BranchConfig:
    """One way from an encoder to the language model.

    Args:
        encoder: Whose states it takes, "speech" or "emotion".
        connector: "mlp", "vae" or "qformer".
        tokens: How many a clip becomes, whatever its length.
        width: Of the connector's inner layer; of a bottleneck that of the latent.
        layers: "weighted", all of the encoder's by weights that are learnt, or "last".
        beta: Weight of the bottleneck's KL term; at 0 it is a plain MLP.
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
        text_config: Of the decoder-only language model.
        speech_config, emotion_config: Of the encoders; either may be missing.
        branches: A `BranchConfig` (or its dict) under "content", "emotion" or both.
        fusion: "sequence", the branches' tokens one after the other, content first; or "feature",
            their sum, token by token: what one linear layer over both side by side would compute,
            for each ends in a linear layer.
        alternates: Whether a sample trains only the branch of its task, until the last epoch.
        aligns: Whether there is a head for a Q-Former's first stage (`alignment`).
        audio_token_index: Id of the token that stands for one token of sound.
        transcript_start, transcript_end: The ids that an answer begins and ends with when it is
            a transcript and nothing else; `turn_end`, the id after it.
        embedding_scale: Root mean square of the language model's embeddings, at which the
            connectors begin.
        recipe: What it was built as; says nothing to the model.

    Raises: `ValueError` for branches that do not fit each other or want an encoder that is missing.
    """

    model_type = "whyser_speechlm"
    # Not the encoders': transformers cannot save one that is missing, and would ask them for the
    # language model's kind of attention, which WavLM refuses.
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
        # transformers compares every configuration with one without arguments.
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
        # peft asks here, where transformers would take it for true.
        others["tie_word_embeddings"] = self.text_config.tie_word_embeddings
        super().__init__(**others)

    def branch(self, name: str) -> BranchConfig:
        return BranchConfig(**self.branches[name])

    @property
    def audio_tokens(self) -> int:
        """How many tokens a clip becomes."""
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
                f"the {name} branch takes the {branch.encoder} encoder, and there is none: "
                f"give {branch.encoder}_config"
            )
        if branch.connector == "qformer" and branch.width % max(branch.heads, 1):
            raise ValueError(
                f"a Q-Former of width {branch.width} has no {branch.heads} heads of equal width: "
                "make the width a multiple of the heads"
            )
    if config.fusion not in {"sequence", "feature"}:
        raise ValueError(f"fusion is {config.fusion!r}, expected 'sequence' or 'feature'")
    counts = {branch["tokens"] for branch in config.branches.values()}
    if config.fusion == "feature" and len(counts) > 1:
        raise ValueError(
            f"fusion by feature adds the branches token by token, which have {sorted(counts)} "
            "tokens: give both the same number, or fuse by sequence"
        )
