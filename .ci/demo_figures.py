"""Fails unless the demo's scores show that the systems use the audio, as the README says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

#: The lowest `f1_majority` of each system and form. With another utterance's audio, none may exceed
#: `SHUFFLED`.
HEARD = {("demo", "open"): 0.60, ("cues", "closed"): 0.60, ("wavlm-tiny", "closed"): 0.50}
SHUFFLED = 0.25


def main(path: str) -> None:
    rows = json.loads(Path(path).read_text(encoding="utf-8"))
    faults = [fault for (system, form) in HEARD for fault in faults_of(system, form, rows)]
    if faults:
        sys.exit("; ".join(faults))


def faults_of(system: str, form: str, rows: list[dict[str, object]]) -> Iterator[str]:
    values = {
        (row["control"], row["metric"]): row["value"]
        for row in rows
        if row["system"] == system and row["form"] == form and row["subset"] == "all"
    }
    majority = values["none", "f1_majority"]
    all_labels = values["none", "f1_all_labels"]
    shuffled = values["shuffled", "f1_majority"]
    print(
        f"{system}: f1_majority {majority:.3f}, f1_all_labels {all_labels:.3f}, "
        f"shuffled {shuffled:.3f}"
    )
    if majority < HEARD[system, form]:
        yield f"{system}: f1_majority {majority:.3f} is below {HEARD[system, form]}"
    if shuffled > SHUFFLED:
        yield f"{system}: shuffled f1_majority {shuffled:.3f} is above {SHUFFLED}"
    if all_labels < majority:
        yield f"{system}: f1_all_labels is below f1_majority"


if __name__ == "__main__":
    main(sys.argv[1])
