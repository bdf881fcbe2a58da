"""Scoring that stands alone: references and predictions in, a signed table out.

Importing this package costs nothing; take what you need from its modules:
`read.read_answer` turns a model's text into a class and a reader of `readers` all of a run's,
`metrics` and `resampling` turn classes into scores with intervals, `score.score_run` and
`report.write_report` do all of it.
"""
