"""`whyser-eval predict`: asks a model at an endpoint about a test set.

`clips` has the utterances and their sound, `plan` the questions and the decoding, `session` the
run, `probabilities` those of the labels, `template` the prompt that the server writes, and `record`
the provenance of the predictions.
"""
