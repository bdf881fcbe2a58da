"""`whyser-speechlm`, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from whyser.assembly import cli


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Uses one thread, so that threads do not queue on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def speechlm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `whyser-speechlm`; returns the exit status, and what it wrote and printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["whyser-speechlm", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capsys.readouterr()

    return run
