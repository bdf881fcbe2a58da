"""The guard: what would cost hours later, or spoil a run unnoticed, said in seconds.

LLaMA-Factory warns about a bad row and trains on without it, or without its sound
(platform.md, 2); so every row and clip is looked at here first, and all is told at once.

    splits.py     nobody and nothing stands in two splits; duplicate_audio.py finds the same sound
    datasets.py   a dataset's rows and manifest; settings.py finds the datasets of a YAML,
                  layout.py reads a table's entry as LLaMA-Factory does, rows.py judges a row,
                  clips.py its sound
    run.py        what a YAML asks besides: checkpoints that exist, an engine that can, known keys;
                  adapters.py the modules that LoRA is put into, speechlm.py what a model of
                  whyser-speechlm needs, model.py what a model's folder says of itself
    pins.py       installed packages against constraints.txt or constraints-2026.txt
    decoding.py   whether sound can be decoded here, before a launch
    served.py     the prompt of a served model against that of training
    findings.py   what they all report to
"""
