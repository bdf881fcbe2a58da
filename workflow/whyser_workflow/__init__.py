"""The reference run: what `./run.sh` is asked for, what it needs, and what each stage guards.

Snakemake decides which stage runs (`workflow/Snakefile`); a trained model and finished answers are
kept by the stages themselves, so that no cache of the workflow can cost them.
"""
