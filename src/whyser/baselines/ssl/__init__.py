"""A classifier on a speech encoder, as in rows 1-3 of the paper's Table 1. Needs the extra `train`.

pretrained.py            loads an encoder and its feature extractor
network.py, pooling.py   the classifier: encoder, weighted layers, pooling, head
losses.py                targets and losses
sounds.py, batches.py    the data set, and batches of similar lengths
trainer.py, epochs.py    Hugging Face's Trainer with these, and its callbacks
recipe.py, arguments.py  hyperparameters, and Trainer's settings for them
state.py, saved.py       an interrupted run, and a trained classifier
run.py, answer.py        the two commands
"""
