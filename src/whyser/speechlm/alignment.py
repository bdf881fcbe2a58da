"""A Q-Former's first stage: it aligns sound with text before the language model is trained.

The Q-Former reads text with the same layers. Its three losses are contrast, which text of the batch
belongs to which sound; matching, whether a text and a sound belong together; and generation of the
text, token by token.

Source: BLIP-2 (Li et al., 2023), section 3.1, as in SEmoLLM. The text is the sample's answer in the
language model's tokens and frozen embeddings, so no second vocabulary is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from .configuration_speechlm import BranchConfig
from .connectors import QFormer
from .tasks import IGNORED

#: Width of the space in which sound and text are compared.
_SHARED = 256
#: Longer texts are cut to this many tokens.
LONGEST = 256
_FIRST_TEMPERATURE = 0.07


@dataclass(frozen=True)
class Text:
    """The answers of a batch.

    `ids`, int[B, M]; `is_text`, bool[B, M], false for padding; `embeddings`, float[B, M, H].
    """

    ids: Tensor
    is_text: Tensor
    embeddings: Tensor

    def of(self, chosen: Tensor) -> Text:
        return Text(self.ids[chosen], self.is_text[chosen], self.embeddings[chosen])


def answers(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The answers within int[B, T], moved to the left: int[B, M], and their mask, bool[B, M].

    >>> ids, is_text = answers(torch.tensor([[-100, 5, 6], [-100, -100, 7]]))
    >>> ids.tolist(), is_text.tolist()
    ([[5, 6], [7, 0]], [[True, True], [True, False]])
    """
    kept = [row[row != IGNORED][:LONGEST] for row in labels]
    ids = nn.utils.rnn.pad_sequence(kept, batch_first=True)
    lengths = torch.tensor([len(row) for row in kept], device=labels.device)
    return ids, torch.arange(ids.shape[1], device=labels.device) < lengths[:, None]


class AlignmentHead(nn.Module):
    """The weights of the three losses, apart from the Q-Former.

    Args: `branch`, the Q-Former's settings; `text_width`, that of the language model's embeddings.
    """

    def __init__(self, branch: BranchConfig, text_width: int) -> None:
        super().__init__()
        width = branch.width
        # A parameter of this module itself, so that LLaMA-Factory's freeze tuning finds the module.
        self.temperature = nn.Parameter(torch.tensor(_FIRST_TEMPERATURE))
        self.into = nn.Linear(text_width, width)
        self.positions = nn.Embedding(1 + LONGEST, width)
        self.whole = nn.Embedding(1, width)
        self.of_sound = nn.Linear(width, _SHARED)
        self.of_text = nn.Linear(width, _SHARED)
        self.belongs = nn.Linear(width, 2)
        self.out = nn.Linear(width, text_width)

    def forward(
        self, qformer: QFormer, states: Tensor, frames: Tensor, text: Text, vocabulary: Tensor
    ) -> dict[str, Tensor]:
        """
        Args: `states`, float[B, T, W], and `frames`, bool[B, T], as for the Q-Former;
            `vocabulary`, float[V, H], the language model's output embeddings.
        Returns: the three losses by name.
        """
        similarity = self._similarity(qformer, states, frames, text)
        # A text that occurs more than once in the batch belongs to each of its sounds.
        same = (text.ids[:, None] == text.ids[None]).all(2)
        return {
            "contrast": self._contrast(similarity, same),
            "matching": self._matching(qformer, states, frames, text, similarity, same),
            "generation": self._generation(qformer, states, frames, text, vocabulary),
        }

    def _embedded(self, text: Text) -> Tensor:
        """float[B, 1 + M, Q]: a token for the whole text, then its tokens."""
        embedded = self.into(text.embeddings.to(self.into.weight.dtype))
        whole = self.whole.weight.expand(len(embedded), -1, -1)
        return torch.cat([whole, embedded], 1) + self.positions.weight[: 1 + embedded.shape[1]]

    def _similarity(self, qformer: QFormer, states: Tensor, frames: Tensor, text: Text) -> Tensor:
        """float[B, B], sounds by texts: the similarity of the closest query."""
        heard = normalize(self.of_sound(qformer.asked(states, frames)), dim=-1)
        read = qformer.read(self._embedded(text), _with_whole(text.is_text))[:, 0]
        close = torch.einsum("bnd,cd->bcn", heard, normalize(self.of_text(read), dim=-1))
        return close.amax(2) / self.temperature.clamp(0.001, 0.5)

    @staticmethod
    def _contrast(similarity: Tensor, same: Tensor) -> Tensor:
        shares = same / same.sum(1, keepdim=True)
        return (cross_entropy(similarity, shares) + cross_entropy(similarity.T, shares)) / 2

    def _matching(
        self,
        qformer: QFormer,
        states: Tensor,
        frames: Tensor,
        text: Text,
        similarity: Tensor,
        same: Tensor,
    ) -> Tensor:
        """Compares each pair with a wrong text and a wrong sound, drawn by similarity. A batch with
        only one text has no wrong pair, and no loss."""
        own = torch.arange(len(states), device=states.device)
        has_other = ~same.all(1)
        odds = similarity.detach().masked_fill(same, -torch.inf)[has_other]
        others = own[has_other]
        if not len(others):
            return similarity.sum() * 0
        wrong_texts = torch.multinomial(odds.softmax(1), 1)[:, 0]
        back = similarity.detach().T.masked_fill(same, -torch.inf)[has_other]
        wrong_sounds = torch.multinomial(back.softmax(1), 1)[:, 0]
        sounds = torch.cat([own, others, wrong_sounds])
        texts = text.of(torch.cat([own, wrong_texts, others]))
        queries = qformer.queries.num_embeddings
        seen = torch.cat([own.new_ones(len(sounds), queries), _with_whole(texts.is_text)], 1)
        found = qformer.asked(states[sounds], frames[sounds], self._embedded(texts), seen)
        logits = self.belongs(found[:, :queries]).mean(1)
        truth = torch.cat([torch.ones_like(own), torch.zeros_like(torch.cat([others, others]))])
        return cross_entropy(logits, truth)

    def _generation(
        self, qformer: QFormer, states: Tensor, frames: Tensor, text: Text, vocabulary: Tensor
    ) -> Tensor:
        queries = qformer.queries.num_embeddings
        mask = causal_mask(queries, _with_whole(text.is_text))
        found = qformer.asked(states, frames, self._embedded(text), mask)[:, queries:-1]
        # A copy of the vocabulary in another precision would need gigabytes.
        logits = self.out(found).to(vocabulary.dtype) @ vocabulary.T
        targets = text.ids.masked_fill(~text.is_text, IGNORED)
        return cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)


def causal_mask(queries: int, is_text: Tensor) -> Tensor:
    """int[B, N + M, N + M]: queries attend to queries; text to queries and the text before it.

    >>> causal_mask(1, torch.tensor([[1, 1]])).tolist()
    [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]
    """
    length = queries + is_text.shape[1]
    sees = torch.ones(length, length, dtype=torch.long, device=is_text.device).tril()
    sees[:queries, :queries] = 1
    is_there = torch.cat([is_text.new_ones(len(is_text), queries), is_text], 1)
    return sees[None] * is_there[:, None]


def _with_whole(is_text: Tensor) -> Tensor:
    """Adds the token for the whole text to a mask: int[B, 1 + M]."""
    return torch.nn.functional.pad(is_text.long(), (1, 0), value=1)
