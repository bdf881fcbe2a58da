"""Test II: mismatches that a teacher explained under the consensus, or those to have explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from whyser.io.errors import InputError
from whyser_eval.explanations.scored import Explanation
from whyser_eval.explanations.study.references import References
from whyser_eval.explanations.study.sample import (
    Draw,
    balanced,
    by_emotion,
    nothing_to_ask,
    shortage,
)

#: Utterances of each emotion that are to be explained beyond those drawn: some of what a teacher
#: writes is not kept.
SPARE = 2


@dataclass(frozen=True)
class Preferred:
    """Draws among the system's mismatches, of other utterances than those `taken` by Test I
    unless there are too few."""

    mismatches: Sequence[Explanation]
    taken: frozenset[str]
    references: References
    count: int
    seed: int

    @cached_property
    def draw(self) -> Draw:
        """Raises: `InputError` where nothing can be asked about."""
        if self.count and not self._chosen:
            raise self._nothing()
        return Draw(tuple(self._chosen), tuple(filter(None, self._notes())))

    @cached_property
    def missing(self) -> int:
        """How many references it takes to fill the test; 0 also where no more can be had."""
        return len(self._wished) - len(self._chosen)

    def wanted(self) -> list[str]:
        """Ids to have explained: those wished for, and the next of each emotion.

        What has a reference stays among them, so that a file that is written anew has it still.
        """
        wanted = {one.id for one in self._wished}
        wanted |= {one.id for one in self.mismatches if self.references.knows(one)}
        for among in by_emotion(self._allowed, self.seed).values():
            wanted.update([one.id for one in among if one.id not in wanted][:SPARE])
        return sorted(wanted)

    @cached_property
    def _explicable(self) -> Sequence[Explanation]:
        """A teacher explains nothing without the words: it would be waited for in vain."""
        return [
            one for one in self.mismatches if one.transcript.strip() or self.references.knows(one)
        ]

    @cached_property
    def _allowed(self) -> Sequence[Explanation]:
        possible = [one for one in self._explicable if not self.references.dropped(one)]
        fresh = [one for one in possible if one.id not in self.taken]
        return fresh if len(fresh) >= self.count else possible

    @cached_property
    def _wished(self) -> list[Explanation]:
        """As if all that is not explained yet would be."""
        return self._drawn(self._allowed)

    @cached_property
    def _chosen(self) -> list[Explanation]:
        return self._drawn(filter(self.references.of, self._allowed))

    def _drawn(self, among: Iterable[Explanation]) -> list[Explanation]:
        fresh: list[Explanation] = []
        again: list[Explanation] = []
        for one in among:
            (again if one.id in self.taken else fresh).append(one)
        chosen = balanced(fresh, self.count, self.seed)
        return chosen + balanced(again, self.count - len(chosen), self.seed)

    def _nothing(self) -> InputError:
        if dropped := sum(map(self.references.dropped, self.mismatches)):
            return InputError(
                f"Test II: of {dropped:,} gold-referenced rationales none is kept",
                cure="Their file tells the reasons; --prefer 0 leaves Test II out.",
            )
        return nothing_to_ask("Test II")

    def _notes(self) -> Iterable[str | None]:
        yield shortage("Test II", self._chosen, self.count)
        if mute := len(self.mismatches) - len(self._explicable):
            yield f"Test II: {mute:,} have no transcript, which a teacher needs: not asked about"
        if dropped := sum(map(self.references.dropped, self._drawn(self.mismatches))):
            yield f"Test II: {dropped:,} references were not kept, the next ones instead"
        if missing := sum(self.references.of(one) is None for one in self._wished):
            yield f"Test II: {missing:,} have no reference, the next ones instead"
        if shared := sum(one.id in self.taken for one in self._chosen):
            yield f"Test II: {shared:,} stand in Test I too, for want of mismatches"
