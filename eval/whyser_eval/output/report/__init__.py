"""One self-contained HTML file of a scored run: figures, disagreement, samples to listen to.

No network, no script but our own (a content security policy says so to the browser), and every
text that comes from data or a model is escaped: hostile text stays text.
"""

from whyser_eval.output.report.page import write_report

__all__ = ["write_report"]
