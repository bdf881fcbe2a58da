"""The package imports no heavy library and starts fast."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "llamafactory", "sklearn", "scipy", "pandas")
FOR_HELP = (*HEAVY, "numpy", "jinja2", "pydantic", "soundfile")


def loaded(statement, names):
    """Which of `names` a fresh interpreter holds after a statement."""
    program = f"{statement}\nimport sys\nprint([n for n in {names!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


CLIENT = ("aiohttp", "whyser.chat")


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import whyser_eval.scoring.score, whyser_eval.scoring.reading_audit", CLIENT),
        ("import whyser_eval", FOR_HELP),
        ("import whyser_eval.cli", FOR_HELP),
        (
            "import whyser_eval.scoring.score, whyser_eval.output.report, whyser_eval.answers.join",
            HEAVY,
        ),
        (
            "import whyser_eval.output.table, whyser_eval.scoring.scores,"
            " whyser_eval.answers.emobox",
            HEAVY,
        ),
        ("import whyser_eval.output.figures, whyser_eval.cli", (*HEAVY, "matplotlib")),
        (
            "import whyser_eval.asking.terminal, whyser_eval.asking.listen.server",
            (*HEAVY, "parselmouth", "whyser.demo"),
        ),
    ],
)
def test_imports_bring_in_nothing_heavy(statement, names):
    assert loaded(statement, names) == "[]"


def test_wrong_usage_ends_with_status_2(whyser_eval):
    assert whyser_eval("score")[0] == 2
    assert whyser_eval("nonsense")[0] == 2


COMMANDS = "join score compare table export group freeze report card figure judge ask listen"


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS.split())])
def test_help_is_there(whyser_eval, command):
    status, out, _ = whyser_eval(*command, "--help")
    assert status == 0
    assert "Usage" in out
