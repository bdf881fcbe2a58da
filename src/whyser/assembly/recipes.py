"""The parts and settings of each paper's model.

We chose the settings that a paper leaves open; docs/models.md says which, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from whyser.io.errors import InputError, did_you_mean
from whyser.speechlm.configuration_speechlm import CONTENT, EMOTION, BranchConfig

SPEECH = "speech"
#: The recipe of `native.py`, which has no settings of its own but the window.
NATIVE = "qwen2_audio"


@dataclass(frozen=True)
class ArchitectureRecipe:
    """
    Args:
        about: A short description.
        branches: The branches by name; each names its encoder.
        alternates: Whether a sample trains only the branch of its task, except in the last epoch.
        aligns: Whether a first stage trains the Q-Former.
    """

    name: str
    about: str
    branches: Mapping[str, BranchConfig]
    fusion: str = "sequence"
    alternates: bool = False
    aligns: bool = False

    @property
    def encoders(self) -> set[str]:
        """The encoders that it needs: "speech", "emotion" or both."""
        return {branch.encoder for branch in self.branches.values()}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        ArchitectureRecipe(
            "dual_encoder",
            "Zhang et al. (2025), Beyond Classification: a speech and an emotion encoder with 100 "
            "and 10 tokens; a sample trains one branch",
            {
                CONTENT: BranchConfig(
                    encoder=SPEECH, connector="mlp", tokens=100, width=2048, layers="last"
                ),
                EMOTION: BranchConfig(encoder=EMOTION, connector="mlp", tokens=10, width=2048),
            },
            alternates=True,
        ),
        ArchitectureRecipe(
            "vib_hubert",
            "Chen et al. (2025), Fine-Grained Speech Descriptors: one encoder, and two branches "
            "with an information bottleneck",
            {
                CONTENT: BranchConfig(
                    encoder=EMOTION, connector="vae", tokens=100, width=256, beta=5e-3
                ),
                EMOTION: BranchConfig(
                    encoder=EMOTION, connector="vae", tokens=10, width=256, beta=1e-3
                ),
            },
            alternates=True,
        ),
        ArchitectureRecipe(
            "semollm",
            "Li et al. (2026), SEmoLLM: one encoder, and a Q-Former of 32 queries that is first "
            "aligned with text",
            {
                EMOTION: BranchConfig(
                    encoder=EMOTION, connector="qformer", tokens=32, width=768, depth=12, heads=12
                ),
            },
            aligns=True,
        ),
    )
}


@dataclass(frozen=True)
class Changes:
    """Settings that replace those of a recipe, where they are not None.

    `width`, `depth` and `heads` apply to every connector.
    """

    fusion: str | None = None
    content_tokens: int | None = None
    emotion_tokens: int | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    content_beta: float | None = None
    emotion_beta: float | None = None
    alternates: bool | None = None


def recipe_of(name: str, changes: Changes) -> ArchitectureRecipe:
    """The recipe of that name with the changes.

    Raises: `InputError` for an unknown name, and for a change of a part that the recipe lacks.
    """
    if name not in RECIPES:
        raise InputError(f"no recipe {name!r}", cure=did_you_mean(name, [NATIVE, *RECIPES]))
    recipe = RECIPES[name]
    for branch in (CONTENT, EMOTION):
        for key in ("tokens", "beta"):
            has = branch in recipe.branches and (
                key == "tokens" or recipe.branches[branch].connector == "vae"
            )
            if not has and getattr(changes, f"{branch}_{key}") is not None:
                what = f"{name} has no {branch} branch" + " with a bottleneck" * (key == "beta")
                raise InputError(what, cure=f"Leave --{branch}-{key} out.")
    branches = {branch: _changed(branch, own, changes) for branch, own in recipe.branches.items()}
    if changes.alternates and len(branches) < 2:
        raise InputError(f"{name} has one branch", cure="Leave --alternate out.")
    alternates = recipe.alternates if changes.alternates is None else changes.alternates
    fusion = changes.fusion or recipe.fusion
    return replace(recipe, branches=branches, fusion=fusion, alternates=alternates)


def _changed(name: str, branch: BranchConfig, changes: Changes) -> BranchConfig:
    given = {
        "tokens": getattr(changes, f"{name}_tokens"),
        "beta": getattr(changes, f"{name}_beta"),
        "width": changes.width,
    }
    if branch.connector == "qformer":
        given |= {"depth": changes.depth, "heads": changes.heads}
    return BranchConfig(
        **branch.to_dict() | {key: value for key, value in given.items() if value is not None}
    )
