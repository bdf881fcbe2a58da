"""Prints the table of metrics that docs/scores.md holds: `python -m whyser_eval.metrics`."""

import sys

from whyser_eval.metrics.declaration import markdown

sys.stdout.write(markdown())
