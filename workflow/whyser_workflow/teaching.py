"""Lets an audio model write the rationales of a plan's corpora."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from whyser.io.console import run
from whyser_workflow.plan import RunPlan, read_plan
from whyser_workflow.serving import KEY, served, vllm_options
from whyser_workflow.training import call


def teach(plan: RunPlan, corpora: Sequence[str]) -> None:
    """Teaches the corpora by the plan's endpoint, or by a server that ends with this call."""
    teacher = plan.teacher
    if teacher.kind == "endpoint":
        for corpus in corpora:
            _listen(plan, corpus, teacher.url, teacher.key_variable, dict(os.environ))
        return
    log = plan.shared / "rationales" / "vllm.log"
    with served(teacher.model, log, *vllm_options()) as server:
        for corpus in corpora:
            _listen(plan, corpus, server.url, KEY, server.environment)


def _listen(
    plan: RunPlan, corpus: str, url: str, key_variable: str, environment: dict[str, str]
) -> None:
    call(
        *("whyser-teach", "listening", str(plan.utterances(corpus))),
        *("--cues", str(plan.taught(corpus, "cues")), "--labels", plan.labels),
        *("--output", str(plan.taught(corpus, "listening"))),
        *("--endpoint", url, "--model", plan.teacher.model, "--api-key-env", key_variable),
        *plan.teacher.options,
        env=environment,
    )


def main() -> None:
    """`python -m whyser_workflow.teaching PLAN CORPUS...`."""
    path, *corpora = sys.argv[1:]
    teach(read_plan(Path(path)), corpora)


if __name__ == "__main__":
    run(main)
