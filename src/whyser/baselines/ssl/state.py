"""The state of a run: its settings and inputs in `run.json`, its progress in `checkpoints/`."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.io.errors import InputError
from whyser.io.files import read_json, write_json


@dataclass(frozen=True)
class State:
    """A run in its folder."""

    folder: Path
    asked: dict[str, Any]

    @property
    def record(self) -> Path:
        return self.folder / "run.json"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def is_finished(self) -> bool:
        return self.record.exists() and bool(read_json(self.record).get("finished"))

    def begin(self, *, restarts: bool) -> None:
        """Writes the settings and inputs, and deletes incomplete checkpoints.

        Raises: `InputError` if the folder has a run with others.
        """
        if restarts:
            self.record.unlink(missing_ok=True)
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        if self.record.exists():
            self._refuse_other(read_json(self.record).get("asked"))
        else:
            write_json(self.record, {"asked": self.asked, "finished": False})
        for broken in set(self._all()) - set(self._whole()):
            shutil.rmtree(broken)

    def last_checkpoint(self) -> Path | None:
        return next(reversed(self._whole()), None)

    def finish(self) -> None:
        """Marks the run as finished, and deletes its checkpoints, which are large."""
        write_json(self.record, {"asked": self.asked, "finished": True})
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _refuse_other(self, before: Any) -> None:
        before = before if isinstance(before, dict) else {}
        other = [key for key in self.asked if before.get(key) != self.asked[key]]
        if other:
            told = (f"{key} was {before.get(key)!r}, is {self.asked[key]!r}" for key in other)
            raise InputError(
                f"has other settings or inputs ({'; '.join(told)})",
                file=self.record,
                cure="Give another --output, or --restart to train again.",
            )

    def _all(self) -> list[Path]:
        return sorted(self.checkpoints.glob("checkpoint-*"), key=_step)

    def _whole(self) -> list[Path]:
        """The checkpoints with a readable state, which Trainer writes last."""
        return [folder for folder in self._all() if _reads(folder / "trainer_state.json")]


def _step(folder: Path) -> int:
    return int(folder.name.rsplit("-", 1)[1])


def _reads(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
