"""The provenance of predictions: `OUTPUT.provenance.json`, written before the first question.

Where there are finished predictions, that of another run begins as `OUTPUT.ledger.provenance.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.chat import ChatSettings, ledger_of
from whyser.io.degraded import NAMES, degradation
from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json
from whyser.prompting.prompts import TRANSCRIPT, Template
from whyser.records.corpus import Corpus
from whyser.records.provenance import provenance
from whyser_eval.answers.predict.plan import Plan
from whyser_eval.answers.predict.template import Seen


def record_of(output: Path) -> Path:
    """The record of predictions, or of a ledger."""
    return output.with_suffix(".provenance.json")


@dataclass(frozen=True)
class Record:
    """A run: `said` is the template that was required, `seen` what the server reported.

    `without` names the parameters of the decoding that the endpoint refused.
    """

    system: str
    plan: Plan
    seen: Seen
    said: Template | None
    predictions: int
    not_answered: int = 0
    without: Sequence[str] = ()
    is_finished: bool = False

    def write(
        self,
        settings: ChatSettings,
        corpora: Sequence[Corpus],
        output: Path,
        files: Callable[[Path], Path] = lambda path: path,
    ) -> None:
        """Writes the record of `output`; with `files`, as one file of an `atomic_set`."""
        written = provenance([corpus.path for corpus in corpora])
        asked = {"endpoint": settings.address, "model": settings.model}
        write_json(files(record_of(output)), written | asked | self._as_json())

    def _as_json(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "system": self.system,
            "form": plan.form,
            "chain_of_thought": plan.thinks,
            "control": plan.control,
            "degraded": NAMES[how] if (how := degradation(plan.control)) else None,
            "questions": [
                {"variant": variant, "name": one.name, "prompt": one.hash, "text": one.text}
                for variant, one in enumerate(plan.questions)
            ],
            "transcript_prompt": TRANSCRIPT.hash if plan.control == "transcript" else None,
            "decoding": plan.decoding.as_json(),
            "refused": list(self.without),
            "template": {
                "said": self.said,
                "found": self.seen.template,
                "prompt": self.seen.prompt,
            },
            "predictions": self.predictions,
            "not_answered": self.not_answered,
            "finished": self.is_finished,
        }


def check_unchanged(output: Path, template: Template | None) -> None:
    """Refuses a ledger whose answers were given to another template.

    The key of an answer has the question, but not the text that the server wrote around it.

    Raises: `InputError` for another template.
    """
    ledger = ledger_of(output)
    if template is None or not ledger.exists():
        return
    for path in filter(Path.exists, (record_of(ledger), record_of(output))):
        earlier = (read_json(path).get("template") or {}).get("found")
        if earlier not in (None, template):
            raise InputError(
                f"its answers were given to the template {earlier!r}, but the server now uses "
                f"{template!r}",
                file=ledger,
                cure="Serve the model as before, or give another --output.",
            )
