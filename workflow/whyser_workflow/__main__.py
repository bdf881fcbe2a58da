"""`./run.sh` after the installation: options, checks, and Snakemake."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from whyser.io.console import run, say
from whyser.io.errors import WhyserError
from whyser.temporary import temporary_folder
from whyser_workflow.lock import locked
from whyser_workflow.options import STAGES, parse
from whyser_workflow.plan import RunPlan, plan_of
from whyser_workflow.preflight import refuse_what_would_fail
from whyser_workflow.restart import end_restart, restart
from whyser_workflow.serving import find_vllm, has_gpu
from whyser_workflow.tables import keep_known_tables, with_identities
from whyser_workflow.training import is_finished

#: Stage -> the rules that `--restart` repeats.
RULES = {
    "demo": ("demo_corpora", "own_model"),
    "convert": ("convert",),
    "check": ("check",),
    "teach": ("cues", "measured", "listening"),
    "build": ("build",),
    "train": ("train",),
    "predict": ("predict",),
    "baselines": ("baseline_cues", "baseline_ssl"),
    "score": ("score",),
    "report": ("report",),
}


def main() -> None:
    options = parse()
    if options.teacher:
        # Jobs get a password or a query in the address from the environment, and from no file.
        os.environ["TEACHER_URL"] = options.teacher
    plan = plan_of(options, has_vllm=bool(find_vllm()) and has_gpu())
    refuse_what_would_fail(plan, elsewhere=bool(options.slurm))
    plan = with_identities(plan)
    if options.dry_run:
        with temporary_folder() as folder:
            # A dry run leaves the record of the last run as it is.
            snakemake(plan, plan.write(folder / "run.json"), options, "--dry-run")
        return
    began = time.monotonic()
    with ExitStack() as held:
        locks = [held.enter_context(locked(plan.data))]
        if not plan.owns_data:
            locks.append(held.enter_context(locked(plan.shared, shared=True)))
        if kept := restart(plan):
            say(f"What was made before is kept as {kept}")
        keep_known_tables(plan)
        snakemake(plan, plan.write(), options, locks=locks)
        end_restart(plan)
    print(f"== done in {time.monotonic() - began:.0f} s")
    if options.to == STAGES[-1]:
        print(f"Open {plan.results / 'report.html'} in a browser.")


def snakemake(
    plan: RunPlan, file: Path, options: Namespace, *more: str, locks: Sequence[int] = ()
) -> None:
    """Runs the stages up to the wanted one. Raises: `WhyserError` when a job failed."""
    # Snakemake runs what it is forced to, also beyond the wanted stage.
    wanted = STAGES[: STAGES.index(options.to) + 1]
    gone = (stage for stage in _gone(plan) if stage in wanted)
    forced = {rule for stage in (plan.restart, *gone) if stage for rule in RULES[stage]}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
            *_at_a_time(options),
            *("--config", f"plan={file}"),
            *("--nolock", "--rerun-incomplete", "--keep-going"),
            *("--rerun-triggers", "params", "input", "mtime"),
            *("--logger", "whyser"),
            *(("--profile", options.slurm) if options.slurm else ()),
            *(("--forcerun", *sorted(forced)) if forced else ()),
            *more,
            *("--", f"until_{options.to}"),
        ],
        check=False,
        # If this process alone is killed, Snakemake goes on, and so does the lock.
        pass_fds=tuple(locks),
    )
    if done.returncode:
        raise WhyserError("a stage failed; see above. The same command continues from there.")


def _at_a_time(options: Namespace) -> list[str]:
    """How many jobs run together. Under Slurm `--cores` says how many threads a job has at most,
    which is the profile's matter and not that of the login node."""
    if not options.slurm:
        return ["--cores", str(options.jobs or os.cpu_count())]
    return ["--cores", "999", *(["--jobs", str(options.jobs)] if options.jobs else [])]


def _gone(plan: RunPlan) -> Iterator[str]:
    """Stages whose marks say nothing, since what they made was set aside, moved or removed."""
    if not all((plan.rows / f"{name}.json").is_file() for name in plan.sets):
        yield "build"
    if not all(is_finished(plan.saved(number)) for number in range(len(plan.trains))):
        yield "train"
    if not all(plan.predictions(name).is_file() for name in plan.test_sets):
        yield "predict"


if __name__ == "__main__":
    run(main)
