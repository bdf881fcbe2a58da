"""What `./run.sh` prints: a line when a stage begins, one when it ends, and failures.

Snakemake finds this module by its name (`--logger whyser`). The whole log stays in
`.snakemake/log`.
"""

from __future__ import annotations

import logging
import sys
import time

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Prints jobs as `== STAGE: WHAT` and `== STAGE: WHAT took N s`."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self._jobs: dict[int, tuple[str, float]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO and (what := getattr(record, "rule_msg", None)):
            self._jobs[getattr(record, "jobid", -1)] = (what, time.monotonic())
            self._print(f"== {what}")
        elif event == LogEvent.JOB_FINISHED:
            job = self._jobs.pop(getattr(record, "job_id", -1), None)
            if job and not self.common_settings.dryrun:
                self._print(f"== {job[0]} took {time.monotonic() - job[1]:.0f} s")
            elif not job and "until_" not in record.getMessage():
                # A job of Slurm, whose beginning only its own log tells.
                self._print(f"== {record.getMessage()}")
        elif "has been submitted with SLURM jobid" in str(record.msg):
            self._print(f"== {record.getMessage()}")
        elif event == LogEvent.JOB_ERROR:
            job = self._jobs.get(getattr(record, "jobid", -1))
            self._print(f"== {job[0] if job else getattr(record, 'rule_name', '')} failed")
        elif record.levelno >= logging.ERROR:
            self._print(record.getMessage())
        elif str(record.msg).startswith("Nothing to be done"):
            self._print("== nothing changed, so nothing is repeated")

    def _print(self, line: str) -> None:
        print(line, file=sys.stdout, flush=True)
