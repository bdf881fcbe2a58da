# From a corpus in its own layout to utterances.

if OWN_DATA:
    rule demo_corpora:
        output: touch(plan.shared / ".stages" / "demo")
        params: code=code_identity("whyser.demo")
        message: "demo: five miniature corpora"
        shell: "whyser-demo corpora {plan.shared}/corpora"

    rule convert:
        input: rules.demo_corpora.output if plan.is_demo else []
        output:
            update(plan.shared / "utterances" / "{corpus}" / "utterances.jsonl"),
            update(plan.shared / "utterances" / "{corpus}" / "corpus.json"),
        params:
            words=lambda wildcards: plan.conversion(wildcards.corpus),
            identity=lambda wildcards: [] if plan.is_demo else corpus_identity(Path(plan.source(wildcards.corpus)), is_table=wildcards.corpus in plan.tables),
            code=code_identity("whyser_converters.convert", "whyser_converters.corpora", "whyser_converters.tables", *GROUND),
        message: "convert: {wildcards.corpus}"
        shell: "whyser-convert {params.words}"

# Before anything is taught: no speaker appears in two splits, and no id is a duplicate.
rule check:
    input: utterances(plan.corpora)
    output: touch(MARKS / "check")
    params: code=code_identity("whyser_converters.check")
    message: "check: splits and ids of all corpora"
    shell: "whyser-convert check {input}"
