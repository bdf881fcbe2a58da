"""`audit.json`: the words that the readers found, and the agreement of rules and a language model.

The number of answers that each stage read is counted from the samples instead.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _AuditPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReadSystem(_AuditPart):
    """`words` has words, their labels and counts, the most frequent first."""

    model: str
    form: str
    control: str = "none"
    words: list[tuple[str, str | None, int]] = []


class Example(_AuditPart):
    """An answer; `text` is only its beginning."""

    id: str
    text: str


class Disagreement(_AuditPart):
    """`n` answers that the rules read as one label and the language model as another."""

    rules: str
    llm: str
    n: int
    examples: list[Example]


class Agreement(_AuditPart):
    """The agreement of rules and language model on the same answers; None where it is undefined."""

    n: int
    agreement: float | None
    kappa: float | None = None
    disagreements: list[Disagreement] = []


class Audit(_AuditPart):
    """The result of reading the answers of every system."""

    systems: list[ReadSystem] = []
    rules_against_llm: Agreement | None = None
