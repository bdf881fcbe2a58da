# From utterances and rationales to rows, a trained model and its answers.

#: How a run without `--model` makes its own.
MAKES_MODEL = [
    *("whyser-speechlm", "build", "qwen2_audio", "--speech", plan.parts["speech"], "--llm", plan.parts["llm"]),
    *("--add-tokens", *(["--window", plan.window] if plan.window else []), "--output", plan.own_model),
] if plan.parts else ["whyser-demo", "model", plan.own_model]
MODEL_IS = (
    "build: a Qwen2-Audio of {speech} and {llm}".format(**plan.parts)
    if plan.parts else "demo: a tiny Qwen2-Audio with random weights"
)

rule own_model:
    output: touch(MARKS / "model")
    params:
        code=code_identity("whyser.assembly" if plan.parts else "whyser.demo"),
        words=[str(word) for word in MAKES_MODEL],
        says=MODEL_IS,
    message: "{params.says}"
    shell: "{params.words:q}"

rule build:
    input: utterances(plan.corpora), taught("cues"), plan.rationales, MARKS / "check"
    output: touch(MARKS / "build")
    params:
        code=code_identity("whyser_converters.datasets", *GROUND),
        sets=plan.sets,
        prompt=plan.prompt,
    message: "build: {params.sets}"
    shell: "python -m whyser_workflow.building {PLAN_FILE}"

OWN_MODEL = Path(plan.model) == plan.own_model

rule train:
    input:
        rules.build.output,
        rules.own_model.output if OWN_MODEL else [],
        lambda wildcards: [] if wildcards.number == "0" else MARKS / f"train.{int(wildcards.number) - 1}",
    output: touch(MARKS / "train.{number}")
    params:
        yaml=lambda wildcards: plan.trains[int(wildcards.number)],
        inputs=lambda wildcards: digest_of(settings_identity(Path(plan.trains[int(wildcards.number)]), plan.settings) | {"": plan.model})
    threads: workflow.cores
    message: "train: {params.yaml}"
    shell: "python -m whyser_workflow.training {PLAN_FILE} {wildcards.number}"

rule predict:
    input: MARKS / f"train.{len(plan.trains) - 1}", rules.build.output
    output: touch(MARKS / "predict")
    params: settings=digest_of(settings_identity(Path(plan.predict), plan.predict_settings)), engine=plan.predict_with
    threads: workflow.cores
    message: "predict: {plan.test_sets}"
    shell: "python -m whyser_workflow.prediction {PLAN_FILE}"
