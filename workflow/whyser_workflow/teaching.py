"""Lets an audio model write the rationales of a plan's training utterances, then of its dev ones.

It works in the order of the rows, and stops when as many utterances are explained as the training,
or the evaluation loss, uses.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from whyser.io.console import run
from whyser_workflow.plan import DEV_ROWS, RunPlan, read_plan
from whyser_workflow.serving import KEY, served, vllm_options
from whyser_workflow.training import call


def teach(plan: RunPlan) -> None:
    """Teaches by the plan's endpoint, or by a server that ends with this call."""
    teacher = plan.teacher
    if teacher.kind == "endpoint":
        _listen(plan, teacher.address, teacher.key_variable, dict(os.environ))
        return
    log = plan.shared / "rationales" / "vllm.log"
    with served(teacher.model, log, *vllm_options()) as server:
        _listen(plan, server.url, KEY, server.environment)


def _listen(plan: RunPlan, url: str, key_variable: str, environment: dict[str, str]) -> None:
    splits = ((), plan.rows_wanted), (("--split", "dev", "--for-evaluation-loss"), DEV_ROWS)
    for output, (split, enough) in zip(plan.listened, splits, strict=False):
        call(
            *("whyser-teach", "listening", *map(str, map(plan.utterances, plan.corpora))),
            *(
                word
                for corpus in plan.corpora
                for word in ("--cues", str(plan.taught(corpus, "cues")))
            ),
            *("--labels", plan.labels, "--output", str(output), *split),
            *("--endpoint", url, "--model", plan.teacher.model, "--api-key-env", key_variable),
            *(("--enough", str(enough)) if enough else ()),
            *plan.teacher.options,
            env=environment,
        )


def main() -> None:
    """`python -m whyser_workflow.teaching PLAN`."""
    (path,) = sys.argv[1:]
    teach(read_plan(Path(path)))


if __name__ == "__main__":
    run(main)
