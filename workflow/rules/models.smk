# From utterances and rationales to rows, a trained model and its answers.

rule demo_model:
    output: touch(MARKS / "model")
    params: code=code_identity("whyser.demo")
    message: "demo: a tiny Qwen2-Audio with random weights"
    shell: "whyser-demo model {plan.tiny}"

rule build:
    input: utterances(plan.corpora), taught("cues"), plan.rationales, MARKS / "check"
    output: touch(MARKS / "build")
    params:
        code=code_identity("whyser_converters.datasets", *GROUND),
        sets=plan.sets,
        prompt=plan.prompt,
    message: "build: {params.sets}"
    shell: "python -m whyser_workflow.building {PLAN_FILE}"

OWN_MODEL = Path(plan.model) == plan.tiny

rule train:
    input:
        rules.build.output,
        rules.demo_model.output if OWN_MODEL else [],
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
