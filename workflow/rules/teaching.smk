# From utterances to measured cues and rationales.

rule cues:
    # Another corpus beside it, which is checked again with it, changes nothing here.
    input: plan.shared / "utterances" / "{corpus}" / "utterances.jsonl", ancient(MARKS / "check")
    output: update(plan.shared / "rationales" / "{corpus}" / "cues.jsonl")
    params: code=code_identity("whyser.evidence")
    # It measures in as many processes as there are cores.
    threads: workflow.cores
    message: "teach: cues of {wildcards.corpus}"
    shell: "whyser-teach cues {input[0]} --output {output}"

# The evaluation loss must be that of the texts that are trained on, so one teacher writes the
# rationales of both splits. In the demo, whose voices no model has learnt to hear, what a listening
# teacher fails at is written from the measured sound as well.
rule measured:
    input: plan.shared / "utterances" / "{corpus}" / "utterances.jsonl", rules.cues.output
    output: update(plan.shared / "rationales" / "{corpus}" / "rationales.jsonl")
    params: code=code_identity("whyser.teacher", "whyser.evidence")
    message: "teach: rationales of {wildcards.corpus} from measured cues"
    shell:
        "whyser-teach measured {input[0]} --cues {input[1]} --labels {plan.labels} --output {output}"

# One job for all corpora: the first rows of the merged training set are taught first.
rule listening:
    input: utterances(plan.corpora), taught("cues")
    output: *map(update, plan.listened)
    # Answers are in the ledger, so another filter asks only for what it rejects now.
    params: code=code_identity("whyser.teacher", "whyser.evidence"), teacher=str(plan.teacher), options=options_identity(plan.teacher.options), labels=plan.labels, wanted=plan.rows_wanted
    message: "teach: rationales by {params.teacher}"
    shell: "python -m whyser_workflow.teaching {PLAN_FILE}"
