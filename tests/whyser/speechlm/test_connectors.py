from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import adaptive_avg_pool1d

from whyser.speechlm.configuration_speechlm import BranchConfig
from whyser.speechlm.connectors import Connector, divergence, pooled, weighted_mean

STATES, WIDTH, TEXT = 3, 8, 12
_quickly = settings(max_examples=60, deadline=None)


def connector(kind: str, **given: Any) -> Connector:
    torch.manual_seed(0)
    branch = BranchConfig(
        **{"encoder": "emotion", "connector": kind, "tokens": 4, "width": 6} | given
    )
    return Connector(branch, states=STATES, width=WIDTH, text_width=TEXT, scale=0.5)


def heard(lengths: tuple[int, ...] = (9, 5)) -> tuple[list[Tensor], Tensor]:
    random = torch.Generator().manual_seed(1)
    states = [torch.randn(len(lengths), max(lengths), WIDTH, generator=random) for _ in "123"]
    frames = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return states, frames


# ---- pooling -------------------------------------------------------------------------------------


@_quickly
@given(frames=st.integers(1, 60), count=st.integers(1, 40), behind=st.integers(0, 9))
def test_a_clip_is_pooled_as_torch_pools_it_alone(frames: int, count: int, behind: int) -> None:
    random = torch.Generator().manual_seed(frames)
    clip = torch.randn(1, frames, 3, generator=random)
    padding = torch.full((1, behind, 3), torch.nan)
    is_sound = torch.arange(frames + behind)[None] < frames
    found = pooled(torch.cat([clip, padding], 1), is_sound, count)
    expected = adaptive_avg_pool1d(clip.transpose(1, 2), count).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_layers_begin_with_equal_shares_of_one() -> None:
    states, _ = heard()
    mean = weighted_mean(torch.zeros(STATES), states)
    torch.testing.assert_close(mean, torch.stack(states).mean(0))


def test_tokens_begin_at_the_size_of_embeddings() -> None:
    for kind in ("mlp", "vae", "qformer"):
        one = connector(kind, depth=2, heads=2).eval()
        tokens, _ = one(*heard())
        assert tokens.shape == (2, 4, TEXT)
        sizes = tokens.square().mean(-1).sqrt()
        torch.testing.assert_close(sizes, torch.full((2, 4), 0.5), atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["mlp", "vae", "qformer"])
def test_padding_is_not_heard(kind: str) -> None:
    one = connector(kind, depth=2, heads=2, beta=0.1).eval()
    states, frames = heard((9, 5))
    together, _ = one(states, frames)
    alone, _ = one([state[1:, :5] for state in states], frames[1:, :5])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)


# ---- the bottleneck ------------------------------------------------------------------------------


def test_divergence_by_hand() -> None:
    # 0.5 * (mean^2 + variance - 1 - log variance), over two entries:
    # 0.5 * (4 + 1 - 1 - 0) + 0.5 * (0 + e - 1 - 1) = 2 + 0.359
    found = divergence(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert found.tolist() == pytest.approx([2.3591], abs=1e-4)


@_quickly
@given(
    means=st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    log_variances=st.lists(st.floats(-10, 10), min_size=3, max_size=3),
)
def test_divergence_as_torch_has_it(means: list[float], log_variances: list[float]) -> None:
    mean = torch.tensor(means, dtype=torch.float64)
    log_variance = torch.tensor(log_variances, dtype=torch.float64)
    own = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(own, Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_the_term_of_a_clip_is_the_mean_over_its_tokens() -> None:
    one = connector("vae", beta=0.3).eval()
    states, frames = heard()
    _, found = one(states, frames)
    parts = pooled(one.weighed(states), frames, 4)
    inner = one.compression
    own = Normal(inner.down(parts), (0.5 * (inner.log_variance(parts) - 4)).exp())
    expected = kl_divergence(own, Normal(0.0, 1.0)).sum(-1).mean(1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mode", [True, False])
def test_without_weight_it_is_the_plain_adapter_to_the_bit(mode: bool) -> None:
    plain, bottleneck = connector("mlp").train(mode), connector("vae", beta=0.0).train(mode)
    missing = bottleneck.load_state_dict(plain.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all("log_variance" in key for key in missing.missing_keys)
    for one, other in zip(plain(*heard()), bottleneck(*heard()), strict=True):
        assert one.equal(other)


def test_the_layer_is_drawn_in_training_alone() -> None:
    one = connector("vae", beta=0.1)
    drawn, again = (one.train()(*heard())[0] for _ in "12")
    assert not drawn.equal(again)
    settled, again = (one.eval()(*heard())[0] for _ in "12")
    assert settled.equal(again)
    mean = connector("vae", beta=0.0).eval()
    mean.load_state_dict(one.state_dict())
    assert settled.equal(mean(*heard())[0])


def test_what_is_drawn_has_the_mean_and_the_variance_that_the_term_counts() -> None:
    one = connector("vae", beta=0.1).train()
    states, frames = heard()
    parts = pooled(one.weighed(states), frames, 4)
    with torch.no_grad():
        drawn = torch.stack([one.compression.inner(parts)[0] for _ in range(4000)])
        variance = (one.compression.log_variance(parts) - 4).exp()
        mean = one.compression.down(parts)
    # The error of a mean of 4000 is 0.016 deviations, that of a variance 0.022 of itself.
    torch.testing.assert_close(
        drawn.mean(0), mean, atol=0.08 * float(variance.max().sqrt()), rtol=0
    )
    torch.testing.assert_close(drawn.var(0), variance, atol=0, rtol=0.12)
