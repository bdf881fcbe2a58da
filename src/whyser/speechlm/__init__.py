"""Models of related architectures, whose checkpoints include their code.

These files are copied into each checkpoint: `transformers` loads them with `trust_remote_code`, and
`llamafactory-cli` trains the model like any other. Hence the folder is flat, and its files import
only torch, transformers and each other.

    configuration_speechlm.py       encoders, branches and language model of a checkpoint
    feature_extraction_speechlm.py  inputs of both encoders, and the number of audio tokens
    processing_speechlm.py          sound and text together
    modeling_speechlm.py            the model: encoders, connectors, language model
    encoders.py                     speech encoders, and the states of their layers
    connectors.py                   states to a fixed number of tokens: MLP, bottleneck, Q-Former
    tasks.py                        which branch a sample trains
    alignment.py                    a Q-Former's first stage: contrast, matching, generation
    training.py                     a callback that connects the model with its trainer

`whyser.assembly` builds such checkpoints from pretrained parts.
"""
