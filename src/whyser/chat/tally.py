"""Counts of a run's requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from whyser.io.console import print_table


@dataclass
class RequestTally:
    """Counts of a run. `asked` counts each request once, `retried` its repetitions.

    `thought` counts answers whose thinking was left out, and `without` names the parameters that
    the endpoint refused.

    `stopped` says why the run ended early, and `interrupted` that Ctrl-C did it, after which a
    command exits with status 130.
    """

    asked: int = 0
    answered: int = 0
    from_ledger: int = 0
    thought: int = 0
    without: set[str] = field(default_factory=set)
    retried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    stopped: str | None = None
    interrupted: bool = False
    started: float = field(default_factory=time.monotonic, repr=False)
    ended: float | None = field(default=None, repr=False)

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.started

    def rows(self) -> Iterator[tuple[str, str]]:
        """Names and values, for a table."""
        yield "asked", f"{self.asked:,}"
        yield "answered", f"{self.answered:,}"
        yield "from the ledger", f"{self.from_ledger:,}"
        if self.thought:
            yield "thinking left out", f"{self.thought:,}"
        if self.without:
            yield "asked without", ", ".join(sorted(self.without))
        for name, counts in (("retried", self.retried), ("failed", self.failed)):
            yield name, f"{counts.total():,}"
            for kind, count in counts.most_common():
                yield f"  {kind}", f"{count:,}"
        yield "tokens in", f"{self.tokens_in:,}"
        yield "tokens out", f"{self.tokens_out:,}"
        if self.cost:
            yield "cost", f"{self.cost:,.4f}"
        yield "seconds", f"{self.seconds:.1f}"


def print_tally(tally: RequestTally) -> None:
    title = f"Requests (ended early: {tally.stopped})" if tally.stopped else "Requests"
    print_table(title, ["outcome", "count"], tally.rows())
