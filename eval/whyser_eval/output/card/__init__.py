"""`whyser-eval card`: a model card and a dataset card of a run, with the hub's metadata.

Nothing is uploaded. A card says only what the run's files say; what they lack is named as absent.
"""

from whyser_eval.output.card.write import write_cards as write_cards
