from __future__ import annotations

import threading
import time
from collections.abc import Callable

from whyser_converters.convert.sound import in_threads


def _threads_of(work: Callable[[int], object]) -> list[int]:
    """The thread of each of many items, in order."""

    def noted(item: int) -> int:
        work(item)
        return threading.get_ident()

    found = list(in_threads(noted, iter(range(1_000))))
    assert [item for item, _ in found] == list(range(1_000))
    return [thread for _, thread in found]


def test_work_that_waits_is_done_in_threads() -> None:
    threads = _threads_of(lambda _: time.sleep(0.001))
    assert threading.get_ident() not in threads[-500:]
    assert len({*threads[-500:]}) > 1


def test_work_that_threads_only_slow_down_is_done_without_them() -> None:
    assert {*_threads_of(lambda item: item)[-500:]} == {threading.get_ident()}
