"""Measures how long `whyser-eval report` takes, and how soon its page shows what a filter finds.

    python benchmarks/report.py
    python benchmarks/report.py --samples 500 --strict

The run is that of score.py, with another number of utterances. The page is opened in the Chromium
that is installed, and the time is the page's own: from the change of a filter until the page is
laid out anew. The baseline lays the same page out without filtering.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, options_of, run, show
from playwright.sync_api import sync_playwright
from score import COMMAND, write_inputs

SAMPLES = 2_000
#: A person takes up to 300 ms for at once.
MAX_MILLISECONDS = 300

_TIMED = """(change) => {
  const from = performance.now();
  if (change) filter();
  else document.body.style.zoom = document.body.style.zoom === "1.01" ? "1" : "1.01";
  document.body.getBoundingClientRect();
  return performance.now() - from;
}"""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument(
        "--samples", type=int, default=SAMPLES, help="number of samples on the page [%(default)s]"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = list(measuring(Path(folder), arguments.samples))
    show(f"A report with {arguments.samples:,} samples", figures, strict=arguments.strict)


def measuring(folder: Path, count: int) -> Iterator[Figure]:
    references, predictions = write_inputs(folder, count)
    results = folder / "results"
    run(*COMMAND, "score", "--references", references, "--predictions", predictions,
        "--output", str(results), "--draws", "0")  # fmt: skip
    _, cost = run(*COMMAND, "report", str(results), "--max-samples", str(count))
    yield Figure("report, including the start", f"{cost.wall:.2f} s")
    page = results / "report.html"
    yield Figure("  its page", f"{page.stat().st_size / 1e6:.1f} MB")
    filtered, laid_out = _milliseconds(page)
    yield Figure(
        "a filter changes what is shown",
        f"{filtered:.0f} ms",
        f"within {MAX_MILLISECONDS} ms",
        filtered <= MAX_MILLISECONDS if count == SAMPLES else None,
    )
    yield Figure("  the page is laid out without filtering", f"{laid_out:.0f} ms")


def _milliseconds(path: Path) -> tuple[float, float]:
    """With filtering and without, the median of nine each."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser is None:
        sys.exit("error: no browser to open the page with; install chromium")
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser).new_page()
        page.goto(path.as_uri())
        page.locator("[name=text]").fill("the voice is low")
        both = [[page.evaluate(_TIMED, change) for _ in range(9)] for change in (True, False)]
    filtered, laid_out = (sorted(taken)[4] for taken in both)
    return filtered, laid_out


if __name__ == "__main__":
    main()
