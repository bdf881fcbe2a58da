"""One self-contained HTML file of a scored run: figures, disagreement, samples to listen to.

It uses no network and runs only our own script (a content security policy enforces both), and every
text from data or a model is escaped.
"""

from whyser_eval.output.report.page import write_report

__all__ = ["write_report"]
