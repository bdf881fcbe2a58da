"""`audit.json`: the words that were read, and rules against a language model.

How many answers each stage read is counted from the samples themselves.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _AuditPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReadSystem(_AuditPart):
    """`words` holds what was read, its label and how often, the most frequent first."""

    model: str
    form: str
    control: str = "none"
    words: list[tuple[str, str | None, int]] = []


class Example(_AuditPart):
    """An answer, of whose text the beginning is kept."""

    id: str
    text: str


class Disagreement(_AuditPart):
    """`n` answers that the rules read as one label and the language model as another."""

    rules: str
    llm: str
    n: int
    examples: list[Example]


class Agreement(_AuditPart):
    """Rules and language model on the same answers; a figure is None where chance decides all."""

    n: int
    agreement: float | None
    kappa: float | None = None
    disagreements: list[Disagreement] = []


class Audit(_AuditPart):
    """What reading made of the answers of every system."""

    systems: list[ReadSystem] = []
    rules_against_llm: Agreement | None = None
