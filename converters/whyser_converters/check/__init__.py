"""Finds in seconds what would fail hours later or spoil a run silently.

LLaMA-Factory warns about a bad row and trains on without it, or without its sound
(docs/design.md, "What LLaMA-Factory does"), so every row and clip is checked here
first and all problems are reported at once.

    splits.py     no speaker, dialogue or id is in two splits; duplicate_audio.py compares the sound
    datasets.py   a dataset's rows and manifest; settings.py finds the datasets of a YAML,
                  layout.py reads a table's entry as LLaMA-Factory does, loader.py the rows,
                  rows.py checks a row, clips.py its sound
    run.py        other settings of a YAML: checkpoints exist, keys are known, the engine works;
                  adapters.py checks the modules that LoRA names, speechlm.py the models of
                  whyser-speechlm, model.py reads a model's folder
    pins.py       installed packages against constraints.txt or constraints-2026.txt
    decoding.py   whether sound can be decoded here, before a launch
    findings.py   collects what they report
"""
