"""`whyser-eval predict`: a model at an endpoint is asked about a test set.

`clips` who is asked about and what is heard, `plan` the questions and the decoding, `session` the
asking, `probabilities` of the labels, `template` what prompt the server writes, `record` the file
that says how the predictions came about.
"""
