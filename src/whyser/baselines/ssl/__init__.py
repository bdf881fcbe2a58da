"""A classifier on a speech encoder: what Table 1's rows 1-3 are, trained on any split.

`encoder.py` gives the states of every layer, `pretrained.py` loads one; `pooling.py` and
`network.py` make a classifier of it; `losses.py` says what is learnt, `sounds.py` and `batches.py`
in which portions it is heard; `trainer.py` is Hugging Face's with these, `state.py` what a run goes
on from, `saved.py` what is left of it, `run.py` the order of all that. Needs the extra `train`.
"""
