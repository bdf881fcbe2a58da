"""The cards: what they say of a run, what the hub reads in them, and what is missing or hostile."""

import json
import re
import shutil
from collections import Counter
from typing import get_args

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from whyser.records.predictions import Control
from whyser_eval.output.card.markdown import code, escaped, table
from whyser_eval.output.card.model import CONTROLS

MODEL_HEADINGS = [
    "# tiny",
    "## Licence",
    "## How it answers",
    "## How it was trained",
    "## Scores",
    "### Controls",
    "### Groundedness",
    "### Per class",
    "### Signatures",
    "## What was not run",
    "## Limits",
    "## How to cite",
]


def written(done):
    status, out, err = done
    assert status == 0, err
    return out + err


# What they say


def test_the_metadata_names_what_is_known(run, card):
    said = written(card())
    found = run.metadata("model")
    (index,) = found.pop("model-index")
    assert found == {
        "license": "cc-by-nc-sa-4.0",
        "library_name": "peft",
        "pipeline_tag": "audio-text-to-text",
        "base_model": "Qwen/Qwen2-Audio-7B-Instruct",
        "tags": [
            "speech-emotion-recognition", "audio", "explainability", "llama-factory", "whyser",
        ],
    }  # fmt: skip
    assert "warning: The licence of A corpus for a test is non-commercial. Do not sell" in said
    assert index["name"] == "tiny"
    (result,) = index["results"]
    assert result["dataset"] == {
        "type": "msp_podcast",
        "name": "A corpus for a test",
        "config": "open question",
        "split": "test1",
    }
    assert run.metadata("dataset") == {
        "pretty_name": "Training rows of tiny",
        "license": "cc-by-nc-sa-4.0",
        "task_categories": ["audio-classification"],
        "size_categories": ["n<1K"],
        "tags": found["tags"],
    }


def test_every_score_of_the_system_has_its_interval_and_its_signature(run, card):
    written(card())
    (result,) = run.metadata("model")["model-index"][0]["results"]
    metrics = {one["args"]["metric"]: one for one in result["metrics"]}
    scores = run.scores()
    for name, one in metrics.items():
        row = scores["tiny", "none", "all", name]
        assert one["value"] == pytest.approx(row["value"], abs=1e-4)
        assert one["args"]["interval_95"] == pytest.approx([row["low"], row["high"]], abs=1e-4)
        assert (one["args"]["n"], one["args"]["signature"]) == (16, row["signature"])
        assert f"[95 % interval: {row['low']:.3f} to {row['high']:.3f}]" in one["name"]
    types = {name: one["type"] for name, one in metrics.items()}
    assert types["f1_majority"] == "f1" and types["ua"] == "recall"
    assert types["wa"] == "accuracy" and types["f1_all_labels"] == "f1_all_labels"


def test_the_model_card_shows_training_scores_and_what_was_not_run(run, card):
    written(card())
    text, lines = run.text("model"), run.lines("model")
    assert [line for line in lines if line.startswith("#")] == MODEL_HEADINGS
    assert "It made 1,234 steps in 3.00 epochs, with a mean loss of 0.2500." in text
    assert "started from `Qwen/Qwen2-Audio-7B-Instruct` and wrote an adapter." in text
    # Of eight rows the first five were trained on.
    assert "| `whyser_train_reason` | A corpus for a test | `train` | 3 |" in lines
    assert "| `whyser_train_reason` | Second | `train` | 2 |" in lines
    assert "| `learning_rate` | `0.0001` |" in lines
    assert "report_to" not in text
    form = "<asr>…</asr><answer>I think the emotion is …</answer><reason>…</reason>"
    assert f"- `{form}` in 5 rows" in lines
    assert "`asr` holds the words that it heard, `answer` holds the emotion and `reason`" in text
    own, control, chance = (
        run.scores()[name, kind, "all", "f1_majority"]
        for name, kind in (("tiny", "none"), ("tiny", "shuffled"), ("prior", "none"))
    )
    values = [f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
              for row in (own, control, chance)]  # fmt: skip
    assert f"| `shuffled` | the sound of another utterance | open | {' | '.join(values)} |" in lines
    assert "- Under shuffled (open) the score is not above chance, as it should be." in lines
    assert f"- `{own['signature']}`" in lines
    absent = text[text.index("## What was not run") : text.index("## Limits")]
    for line in (
        "- Question forms: `closed`.",
        "- Controls: `noise`, `codec`, `gain`, `silence`, `transcript`, `paraphrased`, "
        "`reordered`.",
        "- Metrics: `groundedness`, `groundedness_shuffled`; claims were not compared",
        "- Tests on Second, which it was trained on too.",
        "- A human study",
    ):
        assert line in absent
    assert "No claim of a rationale was compared with the measured sound." in lines


def test_the_dataset_card_shows_corpora_votes_and_what_was_dropped(run, card):
    written(card())
    lines = run.lines("dataset")
    for line in (
        "| A corpus for a test | `train` | 12 | 0.01 | 3 | 2 | 1 |",
        "| A corpus for a test | 64 | 3 to 5 | 14 | 1 | 0.432 |",
        "These corpora released no votes, so their majority label is the only one: Second.",
        "| A corpus for a test | no sound | 3 | 19 |",
        "| `whyser_train_reason` | 5 | 5 | open 5 |",
        "| sad | 5 |",
        "| `measured-1` | `d842a494` | 8 | 7 | 1 |",
        "| no content cue | 1 |",
    ):
        assert line in lines
    assert "**The sound is not part of it**" in run.text("dataset")


def test_a_demo_says_that_it_is_one_and_a_run_does_not(run, card, whyser_eval):
    written(card())
    assert "demo" not in run.text("model").lower()
    run.plan["sources"] = {}
    (run.data / "run.json").write_text(json.dumps(run.plan), encoding="utf-8")
    written(card(scored=False))
    assert all("**This is a demo.**" in run.text(name) for name in ("model", "dataset"))


def test_a_model_without_rationales_claims_none(run, card):
    for row in run.rows:
        row["answer"] = "<asr>Well.</asr><answer>I think the emotion is sad</answer>"
    written(card())
    assert "It names an emotion and gives no reason." in run.text("model")
    assert "The answers have no rationales. Only utterances with" in run.text("dataset")
    assert "reason>" not in run.text("model") and "`reason`" not in run.text("model")


def test_a_system_that_answers_without_the_sound_is_said_to(run, card):
    for number, row in enumerate(run.utterances):
        run.predictions[16 + number]["text"] = f"I think the emotion is {row['label']}"
    run.predictions += [
        row | {"control": "reordered", "variant": variant, "form": "closed"}
        for row in run.predictions[:16]
        for variant in (0, 1)
    ]
    written(card())
    assert "- Under shuffled (open) the score is above chance, so something other than" in run.text(
        "model"
    )
    assert "the brackets hold\n  the lowest and the highest." in run.text("model")
    assert "| `reordered` | the options in another order | closed | - |" in run.text("model")


def test_a_system_at_chance_is_said_to_be(run, card):
    for row in run.predictions:
        row["text"] = "I think the emotion is sad"
    written(card())
    warning = "- Warning: tiny (open) is not above chance in Macro-F1 on majority labels."
    assert warning in run.lines("model")


def test_a_system_without_controls_is_not_said_to_listen(run, card):
    run.predictions = run.predictions[:16]
    written(card())
    assert "No control was run, so the scores do not show that the model listens." in run.lines(
        "model"
    )


def test_claims_that_were_measured_are_shown(run, card, whyser_eval):
    run.write_run()
    low = {"value": 1.0, "deviation": -1.0, "strength": -1.0, "level": "low"}
    families = ["pitch", "pitch_range", "loudness", "rate", "pauses"]
    cues = run.write_jsonl(
        run.folder / "cues.jsonl",
        [
            {"id": row["id"], "reference": "speaker"} | dict.fromkeys(families, low)
            for row in run.utterances
        ],
    )
    written(whyser_eval(*run.score_arguments("--cues", cues)))
    written(card(scored=False))
    assert "| tiny (open) | 1.000 (1.000 to 1.000) | 1.000 (1.000 to 1.000) | 16 |" in run.lines(
        "model"
    )
    assert "| pitch | 16 | 0 | 0 |" in run.lines("model")


def test_trainings_that_followed_each_other_are_shown_in_their_order(run, card, whyser_eval):
    run.plan["trains"] = ["small/freeze_first.yaml", "small/adapt.yaml"]
    run.write_run()
    shutil.rmtree(run.saves)
    run.write_model(run.saves / "small_adapt", run.settings | {"learning_rate": 2.0})
    run.write_model(run.saves / "small_freeze_first", run.settings | {"learning_rate": 1.0})
    written(whyser_eval(*run.score_arguments()))
    written(card(scored=False))
    marks = ("### Training 1", "| `1.0` |", "### Training 2", "| `2.0` |")
    places = [run.text("model").index(mark) for mark in marks]
    assert places == sorted(places)


def test_no_path_of_the_machine_is_shown(run, card, tmp_path):
    run.settings["model_name_or_path"] = str(tmp_path / "models" / "started")
    run.record = {"finished": True, "start": {"model_name_or_path": {"53ab": run.start}}}
    written(card())
    assert "started from `started` and" in run.text("model")
    assert "base_model" not in run.metadata("model")
    assert str(tmp_path) not in run.text("model") + run.text("dataset")


def test_a_folder_is_no_model_of_the_hub(run, card):
    """The record knows, also when the folder has been removed."""
    run.settings["model_name_or_path"] = "models/tiny"
    run.record["start"] = {"model_name_or_path": {"53ab0fa30e5fd2d3": "models/tiny"}}
    written(card())
    assert "base_model" not in run.metadata("model")


def test_languages_are_stated_only_if_the_user_does(run, card):
    written(card("--language", "en", "--language", "de"))
    assert run.metadata("model")["language"] == run.metadata("dataset")["language"] == ["en", "de"]
    status, _, err = card("--language", "English", scored=False)
    assert status == 1
    assert "no language 'English'. Give a code of ISO 639" in err


def test_every_control_has_words():
    assert {*CONTROLS, "none"} == set(get_args(Control))


# The hub's own check of metadata


@pytest.fixture
def hub(needs):
    needs("huggingface_hub", "pip install -e '.[train]'")
    import huggingface_hub

    return huggingface_hub


def test_the_hub_reads_the_model_card(run, card, hub):
    written(card("--language", "en"))
    read = hub.ModelCard(run.text("model"))
    (index,) = run.metadata("model")["model-index"]
    results = read.data.eval_results
    assert read.data.model_name == "tiny"
    assert len(results) == sum(len(one["metrics"]) for one in index["results"]) > 5
    assert {one.dataset_config for one in results} == {"open question"}
    assert all(0 <= one.metric_value <= 1 and one.metric_args["signature"] for one in results)
    # What the hub writes from what it has read is the same.
    assert yaml.safe_load(read.data.to_yaml()) == run.metadata("model")
    assert hub.metadata_load(run.results / "cards/model/README.md") == run.metadata("model")
    assert read.text.startswith("\n# tiny\n")


def test_the_hub_reads_the_dataset_card(run, card, hub):
    written(card())
    read = hub.DatasetCard(run.text("dataset"))
    assert yaml.safe_load(read.data.to_yaml()) == run.metadata("dataset")
    assert read.data.license == "cc-by-nc-sa-4.0"


# Hostile text

HOSTILE = (
    "a\n---\n# b | c `d` <script>alert(1)</script> ![x](http://evil.example/x.png) [y](z) "
    "https://evil.example www.evil.example me@evil.example "
    "{{ 7 * 7 }} \u202e\x07 &lt; *e* _f_ ~~g~~ : - 'q' \"r\""
)


def marks(text):
    """What a Markdown text holds besides words, code and lists, counted by the kind of its mark."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = reader.parse(text.split("---\n", 2)[2])
    found = Counter(one.type for token in tokens for one in (token, *(token.children or ())))
    kinds = ("html_inline", "html_block", "image", "link_open", "em_open", "strong_open", "s_open")
    kinds += ("heading_open", "table_open", "fence", "blockquote_open", "list_item_open")
    return {kind: found[kind] for kind in kinds}


def test_hostile_text_stays_text(run, card):
    written(card())
    harmless = {name: marks(run.text(name)) for name in ("model", "dataset")}
    for folder in (run.data, run.saves):
        shutil.rmtree(folder)
    for one in run.cards.values():
        one |= {
            "title": HOSTILE,
            "licence": HOSTILE,
            "source": f"https://example.org/{HOSTILE}",
            "options": {HOSTILE: HOSTILE},
            "dropped": {HOSTILE: 3},
        }
        one["splits"] = {HOSTILE: one["splits"]["train"]}
    run.settings["lora_target"] = HOSTILE
    for row in run.rows:
        row["label"] = row["split"] = HOSTILE
    for row in run.rationales:
        row |= {"teacher": HOSTILE, "prompt": HOSTILE, "reasons": [HOSTILE]}
    for row in run.predictions:
        row["model"] = HOSTILE
    written(card("--system", HOSTILE))
    for name in ("model", "dataset"):
        assert marks(run.text(name)) == harmless[name] | {"link_open": 0}
        _, found = inline(run.text(name).split("---\n", 2)[2])
        assert not AUTOLINK.search(" ".join(one.content for one in found if one.type == "text"))
        assert not re.search("[\u202e\x07]", run.text(name))
        assert r"{{ 7 \* 7 }}" in run.text(name)
    shown = HOSTILE.replace("\n", "?").replace("\u202e", "?").replace("\x07", "?")
    assert run.metadata("model")["model-index"][0]["name"] == shown
    assert run.metadata("dataset")["pretty_name"] == f"Training rows of {shown}"


#: Texts of names that a reader of Markdown makes something of, where nothing stops it.
ACTIVE = [
    "https://evil.example/x.png",
    "see http://evil.example.",
    "(www.evil.example)",
    "WWW.EVIL.EXAMPLE/a_b*c*",
    "ftp://evil.example",
    "//evil.example",
    "me@evil.example",
    "a <mailto:me@evil.example> b",
    "xmpp:me@evil.example/x",
    "`http://evil.example`",
    r"https://evil.example/a|b\c`d",
    "@octocat",
    "evil.example",
    "<https://evil.example>",
    "<b>bold</b>",
    "<!-- gone -->",
    "![x](y)",
    "[x]: y",
    "[^1]",
    "# heading",
    "name #",
    "- list",
    "+ list",
    "* list",
    "1. list",
    "23) list",
    "> quote",
    "---",
    "- - -",
    "    indented",
    "\tindented",
    "```\ncode",
    "~~~",
    "a\n\n# b",
    "a\n| b | c |\n|---|---|",
    "**bold** _thin_ ~~gone~~ `code` $x$",
    "&lt;b&gt; &copy;",
    r"back\`tick\ ",
]
#: GitHub's autolinks. Its readers look at the text that is left after the escapes.
AUTOLINK = re.compile(
    r"https?://|ftp://|www\.|mailto:|xmpp:|[\w.+-]+@[\w-]|(?<!\w)@\w", re.IGNORECASE
)
PLACES = ["- {}: x", "- {}", "# {}", "**{}** x", "> **W:** {}", "| a |\n|---|\n| {} |"]


def inline(text):
    """The kinds of the blocks of a Markdown text, and what stands in them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [one.type for one in tokens], [one for each in tokens for one in each.children or ()]


@pytest.mark.parametrize("text", ACTIVE)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_is_only_text(text, place):
    # Strong words begin without a space.
    text = text.strip() if place.startswith("**") else text
    blocks, found = inline(place.format(escaped(text)))
    plain_blocks, plain = inline(place.format("x"))
    assert blocks == plain_blocks, escaped(text)
    words = {"text", "code_inline"}
    assert [one.type for one in found if one.type not in words] == [
        one.type for one in plain if one.type not in words
    ]
    assert not AUTOLINK.search("".join(one.content for one in found if one.type == "text"))


@pytest.mark.parametrize("text", ACTIVE)
def test_nothing_of_a_name_is_lost(text):
    _, found = inline(escaped(text))
    assert "".join(one.content for one in found).split() == visible_of(text).split()


def test_an_empty_name_opens_no_code():
    _, found = inline(f"{code('')} and {escaped('`')} or {code('')}")
    assert [one.type for one in found] == ["code_inline", "text", "code_inline"]


def test_figures_stay_as_they_are():
    figures = ["-", "-0.12", "0.703 (0.650 to 0.750)", 1200, "+1", "1.5"]
    assert [escaped(one) for one in figures] == ["-", "-0.12", figures[2], "1,200", "+1", "1.5"]


@pytest.mark.parametrize("title", ["# H", "> q", "1. x", "- y", "    c", "<!-- "])
def test_a_title_begins_no_line_of_markdown(run, card, title):
    written(card())
    harmless = {name: marks(run.text(name)) for name in ("model", "dataset")}
    for folder in (run.data, run.saves):
        shutil.rmtree(folder)
    run.cards["msp_podcast"] |= {"title": title, "dropped": {title: 3}}
    written(card())
    for name in ("model", "dataset"):
        found = marks(run.text(name))
        for kind in (
            "heading_open",
            "html_block",
            "html_inline",
            "blockquote_open",
            "list_item_open",
        ):
            assert found[kind] == harmless[name][kind], (name, kind)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@example("a|b\\|c")
@example("``a`|")
@example("\\")
def test_any_text_is_one_cell_and_stays_what_it_is(text):
    shown = escaped(text), code(text)
    lines = table(["first", "second"], [(text, code(text))], text=2)
    tokens = MarkdownIt("commonmark").enable("table").parse(lines)
    cells = [tokens[place + 1] for place, one in enumerate(tokens) if one.type == "td_open"]
    assert len(cells) == 2, shown
    plain = "".join(one.content for one in cells[0].children)
    assert {one.type for one in cells[0].children} <= {"text", "code_inline"}
    assert "".join(plain.split()) == "".join(visible_of(text).split())
    (span,) = [one for one in cells[1].children if one.type == "code_inline"] or [None]
    if visible_of(text).strip():
        assert "".join(span.content.split()) == "".join(visible_of(text).split())


def visible_of(text):
    from whyser_eval.output.table.render import visible

    return visible(text)


# What is missing


def _without_model(run):
    shutil.rmtree(run.saves)


def _without_settings(run):
    (run.saves / "whyser_settings.yaml").unlink()


def _unfinished(run):
    (run.saves / "whyser_training.json").write_text('{"finished": false}', encoding="utf-8")


def _broken_state(run):
    (run.saves / "trainer_state.json").write_text('{"global_step": "many"}', encoding="utf-8")


def _without_manifest(run):
    (run.data / "sharegpt" / "train.manifest.jsonl").unlink()


def _another_table(run):
    (run.data / "sharegpt" / "dataset_info.json").write_text('{"other": {}}', encoding="utf-8")


def _empty_manifest(run):
    run.write_jsonl(run.data / "sharegpt" / "train.manifest.jsonl", [])


def _another_manifest(run):
    run.write_jsonl(run.data / "sharegpt" / "train.manifest.jsonl", [{"id": "a/1"}])


def _without_corpus(run):
    (run.data / "utterances" / "second" / "corpus.json").unlink()


def _without_rationales(run):
    shutil.rmtree(run.data / "rationales")


def _without_scores(run):
    (run.results / "scores.json").unlink()


def _without_parts(run):
    path = run.results / "provenance.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["parts"]
    path.write_text(json.dumps(record), encoding="utf-8")


def _two_systems(run):
    (run.results / "training.json").unlink()
    rows = [row | {"model": "other"} for row in run.predictions]
    run.write_jsonl(run.folder / "predictions.jsonl", [*run.predictions, *rows])
    scores, samples = run.results / "scores.json", run.results / "samples.jsonl"
    rows = json.loads(scores.read_text(encoding="utf-8"))
    rows += [row | {"system": "other"} for row in rows if row["system"] == "tiny"]
    scores.write_text(json.dumps(rows), encoding="utf-8")
    lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    run.write_jsonl(samples, [*lines, *(line | {"system": "other"} for line in lines)])


def test_files_of_two_runs_are_refused(run, card):
    written(card())
    samples = run.results / "samples.jsonl"
    lines = samples.read_text(encoding="utf-8").splitlines()
    samples.write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    status, _, err = card(scored=False)
    assert status == 1
    assert "samples.jsonl: has" in err and "the files are of two runs" in err


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_model, "saves/tiny: no such folder. Give --model"),
        (_without_settings, "saves/tiny: has no whyser_settings.yaml. Give --model, the folder"),
        (_unfinished, "saves/tiny: the training has not finished. Give the command"),
        (_broken_state, "trainer_state.json: global_step: Input should be a valid integer"),
        (_without_manifest, "no manifest of the dataset whyser_train_reason, so it is not known"),
        (_another_table, "names no file of the dataset whyser_train_reason, which the model was"),
        (_empty_manifest, "train.manifest.jsonl: holds no rows. Write the dataset again."),
        (_another_manifest, "manifest.jsonl:1: lacks 'corpus', or has another type. Write the"),
        (_without_corpus, "no corpus.json of 'second', so its licence is not known. Give --data"),
        (_without_rationales, "no rationales found, but the training rows have some. Give --rat"),
        (_without_scores, "scores.json: no such file. Give a folder that whyser-eval score"),
        (_without_parts, "provenance.json: parts: Field required. Score the run again."),
        (_two_systems, "has scores of several systems. Give --system. Expected one of [tiny, oth"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(run, card, whyser_eval, spoil, said):
    run.write_run()
    assert whyser_eval(*run.score_arguments())[0] == 0
    spoil(run)
    status, out, err = card(scored=False)
    assert (status, out) == (1, "")
    assert said in err
    assert not (run.results / "cards").exists()


def test_a_system_that_is_misspelt_is_named(run, card):
    status, _, err = card("--system", "tinny")
    assert status == 1
    assert "has no scores of 'tinny'. Expected one of [tiny]. Did you mean 'tiny'?" in err


def test_a_training_without_run_sh_is_found_by_options(run, card, whyser_eval):
    """Settings of the user's own YAML, corpora and rationales in a folder of any name."""
    written(card())
    before = run.text("model")
    for name in ("run.json", "rationales/msp_podcast/rationales.jsonl"):
        (run.data / name).rename(run.folder / name.rpartition("/")[2])
    (run.saves / "whyser_settings.yaml").rename(run.folder / "mine.yaml")
    run.saves.rename(run.folder / "trained")
    run.data.rename(run.folder / "mine")
    (run.folder / "data" / "tiny").mkdir()
    (run.folder / "mine" / "sharegpt").rename(run.data / "sharegpt")
    written(
        card(
            *("--model", run.folder / "trained", "--settings", run.folder / "mine.yaml"),
            *("--data", run.folder / "mine", "--rationales", run.folder / "rationales.jsonl"),
            *("--output", run.folder / "cards"),
            scored=False,
        )
    )
    assert (run.folder / "cards/model/README.md").read_text(encoding="utf-8") == before
