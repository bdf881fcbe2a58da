"""Code of a forked process: it becomes the command that its caller names in `JOB`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points


def become(words: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        stream.flush()
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        # Names differ between the process that was forked and a command that is started afresh.
        os.dup2(file, {out: 1, err: 2}[path])
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    name, *rest = words
    if name == "python":
        _, program, *rest = rest
        sys.argv = ["-c", *rest]
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        return
    (script,) = entry_points(group="console_scripts", name=name)
    sys.argv = [name, *rest]
    sys.exit(script.load()())


if __name__ == "__main__":
    become(**globals()["JOB"])
