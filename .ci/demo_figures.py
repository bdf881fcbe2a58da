"""Fails unless the demo's scores show a model that listens, as the README says they do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HEARD, SHUFFLED = 0.60, 0.25


def main(path: str) -> None:
    values = {
        (row["control"], row["metric"]): row["value"]
        for row in json.loads(Path(path).read_text(encoding="utf-8"))
        if row["system"] == "demo" and row["form"] == "open" and row["subset"] == "all"
    }
    majority = values["none", "f1_majority"]
    all_labels = values["none", "f1_all_labels"]
    shuffled = values["shuffled", "f1_majority"]
    print(f"f1_majority {majority:.3f}, f1_all_labels {all_labels:.3f}, shuffled {shuffled:.3f}")
    faults = []
    if majority < HEARD:
        faults.append(f"f1_majority {majority:.3f} is below {HEARD}")
    if shuffled > SHUFFLED:
        faults.append(f"shuffled f1_majority {shuffled:.3f} is above {SHUFFLED}")
    if all_labels < majority:
        faults.append("f1_all_labels is below f1_majority")
    if faults:
        sys.exit("; ".join(faults))


if __name__ == "__main__":
    main(sys.argv[1])
