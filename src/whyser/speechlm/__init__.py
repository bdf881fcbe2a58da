"""The neighbours' models, as checkpoints that bring their code.

This folder is what lies beside the weights: `transformers` loads it with `trust_remote_code`, and
`llamafactory-cli` trains it as it trains any model. Hence it imports torch, transformers and its
siblings alone, and is flat.

    configuration_speechlm.py      which encoders, branches and language model there are
    feature_extraction_speechlm.py sound as both encoders take it, and how many tokens it becomes
    processing_speechlm.py         sound and text together
    modeling_speechlm.py           the model: encoders, connectors, language model
    encoders.py                    frozen speech encoders, the states of their layers
    connectors.py                  states to a fixed number of tokens: MLP, bottleneck, Q-Former
    tasks.py                       which branch a sample trains
    alignment.py                   a Q-Former's first stage: contrast, matching, generation
    training.py                    what the model must know of its trainer, and tells it

`whyser.assembly` builds such checkpoints from pretrained parts.
"""
