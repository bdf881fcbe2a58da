"""Runs commands of this environment as a user would, without waiting for their imports.

`import llamafactory` takes ten seconds of a core, and the slow tests start it a hundred times. Here
a process that has imported it once forks for every command: Python's forkserver, one per pytest
worker. Each command has its own process, folder, environment and standard output, and runs the
function that its console script names.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

#: What takes long to import and starts no thread, which a fork would lose.
PRELOADED = [
    *("llamafactory.launcher", "llamafactory.train.tuner", "deepspeed", "peft", "pandas"),
    *("transformers.models.qwen2_audio.modeling_qwen2_audio", "transformers.models.auto"),
    *(
        "whyser_converters.cli",
        "whyser_eval.cli",
        "whyser.teacher.cli",
        "whyser.options.demo_command",
    ),
]
#: Many processes on few cores: no threads that wait on each other, no compilers on standby; and
#: nothing asks a model hub.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    # As in an environment that is activated: LLaMA-Factory looks for torchrun.
    "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}",
}
_COMMAND = str(Path(__file__).parent / "command.py")


@cache
def _forkserver() -> ForkServerContext:
    """Started with the environment that is read on import."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    kept = dict(os.environ)
    os.environ.update(QUIET)
    try:
        first = context.Process(target=int)
        first.start()
        first.join()
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return context


def start(
    words: list[str], cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a console script of this environment, or `python -c PROGRAM ...`, to its end.

    Args:
        words: The command and its arguments.
        cwd: The folder it runs in.
        environment: Variables besides this process' own and `QUIET`.

    Returns:
        Its exit status and what it wrote, as of `subprocess.run(..., text=True)`.
    """
    variables = {**os.environ, **QUIET, **(environment or {})}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        job = {"words": words, "cwd": str(cwd), "environment": variables,
               "out": str(out), "err": str(err)}  # fmt: skip
        process = _forkserver().Process(
            target=runpy.run_path, args=(_COMMAND, {"JOB": job}, "__main__")
        )
        process.start()
        process.join()
        return subprocess.CompletedProcess(
            words,
            process.exitcode or 0,
            out.read_text(encoding="utf-8", errors="replace"),
            err.read_text(encoding="utf-8", errors="replace"),
        )
