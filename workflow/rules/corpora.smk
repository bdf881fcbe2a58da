# From a corpus in its own layout to utterances.

if OWN_DATA:
    rule demo_corpora:
        output: touch(plan.shared / ".stages" / "demo")
        params: code=code_identity("whyser.demo")
        message: "demo: five miniature corpora"
        shell: "whyser-demo corpora {plan.shared}/corpora"

    if plan.own:
        rule convert:
            output:
                update(plan.shared / "utterances" / "{corpus}" / "utterances.jsonl"),
                update(plan.shared / "utterances" / "{corpus}" / "corpus.json"),
            params:
                identity=own_rows_identity(Path(plan.own.folder, "dataset_info.json"), plan.own.given),
                code=code_identity("whyser_converters.llamafactory.own_rows", "whyser_converters.check", *GROUND),
                datasets=[f"{name}={split}" for name, split in plan.own.given.items()],
                controls=",".join(plan.own_controls),
            message: "convert: own rows {params.datasets}"
            shell:
                "whyser-convert import {params.datasets:q} --dataset-dir {plan.own.folder:q} "
                "--control {params.controls} --output {plan.shared}/utterances/{wildcards.corpus}"
    else:
        rule convert:
            input: rules.demo_corpora.output if plan.is_demo else []
            output:
                update(plan.shared / "utterances" / "{corpus}" / "utterances.jsonl"),
                update(plan.shared / "utterances" / "{corpus}" / "corpus.json"),
            params:
                words=lambda wildcards: plan.conversion(wildcards.corpus),
                identity=lambda wildcards: plan.identities.get(wildcards.corpus, ""),
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
