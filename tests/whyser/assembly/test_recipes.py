from __future__ import annotations

import re

import pytest

from whyser.assembly.recipes import RECIPES, Changes, recipe_of
from whyser.io.errors import InputError


@pytest.mark.parametrize(
    ("name", "encoders", "tokens"),
    [
        ("dual_encoder", {"speech", "emotion"}, [100, 10]),
        ("vib_hubert", {"emotion"}, [100, 10]),
        ("semollm", {"emotion"}, [32]),
    ],
)
def test_a_recipe_is_its_paper_s_unless_it_is_changed(
    name: str, encoders: set[str], tokens: list[int]
) -> None:
    recipe = recipe_of(name, Changes())
    assert recipe == RECIPES[name] or recipe.encoders == encoders
    assert recipe.encoders == encoders
    assert [branch.tokens for branch in recipe.branches.values()] == tokens


def test_changes_reach_the_branches_that_they_are_of() -> None:
    changes = Changes(
        fusion="feature", content_tokens=7, emotion_tokens=7, width=16, depth=3, heads=2,
        content_beta=0.5, alternates=False,
    )  # fmt: skip
    recipe = recipe_of("vib_hubert", changes)
    content, emotion = recipe.branches["content"], recipe.branches["emotion"]
    assert (content.tokens, content.width, content.beta) == (7, 16, 0.5)
    assert emotion.beta == RECIPES["vib_hubert"].branches["emotion"].beta
    # Layers and heads are a Q-Former's.
    assert (emotion.depth, emotion.heads) == (0, 0)
    assert recipe.fusion == "feature" and not recipe.alternates
    assert RECIPES["vib_hubert"].branches["content"].tokens == 100


def test_no_weight_is_a_change_too() -> None:
    assert recipe_of("vib_hubert", Changes(content_beta=0.0)).branches["content"].beta == 0


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        (
            "dual_encoder",
            Changes(emotion_beta=0.1),
            "no emotion branch with a bottleneck.*--emotion-",
        ),
        ("dual_encodr", Changes(), "no recipe 'dual_encodr'.*Did you mean 'dual_encoder'"),
        (
            "whisper",
            Changes(),
            "Expected one of \\[qwen2_audio, dual_encoder, vib_hubert, semollm\\]",
        ),
        ("semollm", Changes(content_tokens=3), "Leave --content-tokens out"),
        ("semollm", Changes(alternates=True), "Leave --alternate out"),
    ],
)
def test_what_no_recipe_has_is_refused_with_a_cure(name: str, changes: Changes, told: str) -> None:
    with pytest.raises(InputError) as found:
        recipe_of(name, changes)
    assert re.search(told, str(found.value), re.DOTALL)
