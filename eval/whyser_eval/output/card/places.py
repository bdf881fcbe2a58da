"""Where the files of a run are: paths in its records are relative to where its commands ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The places of a run whose results are in `results`.

    `./run.sh` writes `results/RUN`, `data/RUN` and `saves/RUN` to one folder.
    """

    results: Path

    @property
    def root(self) -> Path:
        return self.results.resolve().parent.parent

    def at(self, path: Path) -> Path:
        """A path of a record: from the run's folder, or else from the working directory."""
        return found if (found := self.root / path).exists() else path

    @property
    def model(self) -> Path:
        return self.at(Path("saves", self.results.resolve().name))

    @property
    def data(self) -> Path:
        return self.at(Path("data", self.results.resolve().name))
