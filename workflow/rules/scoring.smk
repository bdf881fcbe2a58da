# Baselines without a language model, scores and the report.
RESULTS = plan.results
#: Real corpora need a real encoder, and hours: docs/baselines.md.
TRAINS_ENCODER = plan.is_demo and plan.name == "demo"
BASELINES = [RESULTS / "baselines" / name / "predictions.jsonl" for name in ("cues", *(["ssl"] if TRAINS_ENCODER else []))]

rule baseline_cues:
    input: utterances(plan.corpora), cues=taught("cues")
    output: update(RESULTS / "baselines" / "cues" / "predictions.jsonl")
    params:
        code=code_identity("whyser.baselines"),
        utterances=utterances(plan.corpora),
        cues=[word for file in taught("cues") for word in ("--cues", str(file))],
    message: "baselines: a classifier of measured cues"
    shell: "whyser-baseline cues {params.utterances} {params.cues} --split {plan.test_split} --output {RESULTS}/baselines/cues"

rule baseline_ssl:
    input: utterances(plan.corpora), MARKS / "check"
    output: update(RESULTS / "baselines" / "ssl" / "predictions.jsonl")
    params: code=code_identity("whyser.baselines.ssl", "whyser.demo"), utterances=utterances(plan.corpora)
    message: "baselines: a tiny WavLM"
    # So small a model is no faster on more threads, and the weights depend on how many there are.
    shell:
        "whyser-demo encoder {plan.data}/encoder && "
        "OMP_NUM_THREADS=1 whyser-baseline ssl {params.utterances} --split {plan.test_split} "
        "--encoder {plan.data}/encoder --name wavlm-tiny --output {RESULTS}/baselines/ssl --tune all "
        "--loss cross-entropy --lr 2e-3 --schedule cosine --warmup 0.1 --epochs 8 --batch-size 16"

rule score:
    input: rules.predict.output, predictions=BASELINES, references=utterances(plan.tested), cues=taught("cues")
    # All files of a run, so that a failure restores all of them.
    output: *(update(RESULTS / name) for name in ("scores.json", "samples.jsonl", "audit.json", "provenance.json")),
    params:
        code=code_identity("whyser_eval", "whyser.evidence", *GROUND),
        words=lambda wildcards, input: [
            *(word for name in plan.test_sets for word in ("--predictions", str(plan.predictions(name)))),
            *(word for file in input.predictions for word in ("--predictions", file)),
            *(word for file in input.references for word in ("--references", file)),
            *(word for file in input.cues for word in ("--cues", file)),
        ],
    message: "score"
    shell: "whyser-eval score {params.words} --split {plan.test_split} --wer --output {RESULTS}"

rule report:
    input: rules.score.output
    output: update(RESULTS / "report.html")
    params: code=code_identity("whyser_eval.output", "whyser_eval.page")
    message: "report"
    shell: "whyser-eval report {RESULTS}"
