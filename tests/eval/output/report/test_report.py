"""The report: one file, no network, hostile text stays text, players find their audio."""

import json
import re
import tracemalloc
from urllib.parse import unquote

import pytest

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser.records.training import TrainingFacts, write_training
from whyser_eval.output.report import results, write_report
from whyser_eval.output.report.classes import class_views
from whyser_eval.output.report.results import SampleChoice, read_results

from .pages import Page, section, text_of

HOSTILE = (
    "<asr></div><script>alert(1)</script></asr><answer>I think the emotion is sad</answer>"
    '<reason>"><img src=x onerror=alert(2)> {{ 7 * 7 }} \u202egnp.exe\x07\u2028 &lt;b&gt;</reason>'
)


def rewrite(world, change):
    """Lets `change` alter each of the samples that score wrote."""
    samples = world.samples()
    for sample in samples:
        change(sample)
    world.write_jsonl(world.results / "samples.jsonl", samples)


# Sound


def test_a_player_links_to_the_sound_beside_the_report(world, report):
    sources = report().sources()
    assert len(sources) == 16
    assert sources[0] == "../sound%20files/clip%200.wav"
    assert all((world.results / unquote(source)).is_file() for source in sources)


def test_embedded_sound_needs_no_file_and_is_there_once(world, report):
    world.predictions += [
        world.prediction(row["id"], render_answer("sad"), form="closed") for row in world.utterances
    ]
    page = report("--audio", "embed")
    assert len(page.data["answers"]) == 32
    assert len(page.sources()) == page.count("data:audio/") == 16
    assert all(
        re.match(r"data:audio/(mpeg|wav);base64,[A-Za-z0-9+/=]+$", url) for url in page.sources()
    )


def test_without_sound_there_is_no_player(report):
    assert report("--audio", "none").sources() == []


def test_a_sound_that_is_gone_leaves_no_player(world, report, score):
    score()
    (world.folder / "sound files" / "clip 0.wav").unlink()
    assert len(report(scored=False).sources()) == 15


def test_the_report_goes_where_it_is_told(world, report, whyser_eval, tmp_path):
    report()
    target = tmp_path / "else where" / "r.html"
    assert whyser_eval("report", world.results, "--output", target)[0] == 0
    sources = re.findall(r'"audio":"([^"]+)"', target.read_text(encoding="utf-8"))
    assert len(sources) == 16
    assert all((target.parent / unquote(source)).is_file() for source in sources)


# Safety


def test_hostile_text_stays_text(world, report):
    world.utterances[0]["transcript"] = "<b onmouseover=alert(3)>hello</b>"
    for row in world.predictions:
        row["text"] = HOSTILE
        row["model"] = "<script>alert(4)</script>\u202e"
    text = report()
    page = Page(text)
    assert [found.get("type") for found in page.named("script")] == ["application/json", None]
    assert page.named("img") == page.named("b") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(4)&lt;/script&gt;⟨U+202E⟩" in text
    shown = text.answers()[0]
    assert shown["text"] == HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\x07", "␇").replace(
        "\u2028", "⟨U+2028⟩"
    )
    assert "{{ 7 * 7 }}" in shown["text"]
    assert not re.search("[\x00-\x08\x0b-\x1f\u2028\u202e]", text)


def test_half_a_character_is_made_visible(world, report, score):
    score()
    samples = (world.results / "samples.jsonl").read_text(encoding="utf-8")
    halved = samples.replace('"Low pitch."', '"Low \\ud800 pitch."')
    (world.results / "samples.jsonl").write_text(halved, encoding="utf-8")
    shown = report(scored=False).answers()[0]["reason"]
    assert "".join(text for text, _, _ in shown) == "Low ⟨U+D800⟩ pitch."


def test_nothing_comes_from_the_network(report):
    text = report()
    page = Page(text)
    policy = next(
        meta["content"]
        for meta in page.named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "unsafe" not in policy
    links = [a[name] for _, a in page.tags for name in ("src", "href", "action") if name in a]
    assert not [link for link in links if re.match(r"[a-z]+:|//", link)]
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|innerHTML", text)
    # The policy names style and script by hash, so attributes must not style.
    assert not [attributes for _, attributes in page.tags if "style" in attributes]


def test_every_link_leads_somewhere_in_the_page(report):
    page = Page(report())
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    anchors = [link["href"] for link in page.named("a")]
    assert all("=" in anchor or anchor.removeprefix("#") in ids for anchor in anchors)


def test_very_long_answers_are_cut_with_a_count(world, report):
    world.predictions[0]["text"] = "a" * 1_000_000
    text = report()
    assert text.answers()[0]["reason"][0][0].endswith("a … and 996,000 more characters")
    assert len(text) < 300_000


# Figures


def test_verdicts_tell_right_minority_wrong_unread(world, report):
    texts = ["sad", "neutral", "fear", "nothing to say"]
    for row, text in zip(world.predictions, texts, strict=False):
        row["text"] = text
    for row in world.utterances[:4]:
        row["label"] = "sad"
        row["votes"][0]["primary"] = row["votes"][1]["primary"] = "sad"
        row["votes"][2]["primary"] = "sad"
    page = report()
    assert [answer["verdict"] for answer in page.answers()[:4]] == [
        "right", "minority", "wrong", "unread",
    ]  # fmt: skip
    # Of the other twelve six are right, and neutral was some annotator's answer for the rest.
    assert "all classes 7 7 1 1" in section(page, "disagreement")
    assert "1 majority sad, answered neutral" in section(page, "disagreement")


def test_confusion_shows_shares_and_counts(world, report):
    page = report()
    sad = re.search(r'<tr><th scope="row">sad</th><td class="n">.*?</tr>', page, re.S)[0]
    assert re.findall(r'title="([^"]+)"', sad) == ["sad read as sad: 2 of 2"]
    angry = re.search(r'<tr><th scope="row">angry</th><td class="n">.*?</tr>', page, re.S)[0]
    assert re.findall(r'title="([^"]+)"', angry) == ["angry read as neutral: 2 of 2"]
    assert (
        'href="#system=tiny&amp;form=open&amp;control=none&amp;gold=angry&amp;predicted=neutral"'
        in angry
    )


def test_warnings_stand_above_the_scores(world, report):
    world.predictions += [
        world.prediction(row["id"], found["text"], control="shuffled")
        for row, found in zip(world.utterances, list(world.predictions), strict=True)
    ]
    page = text_of(report())
    assert "Warning. tiny (open) does not beat its own answers to shuffled audio" in page
    assert page.index("Warning.") < page.index("f1_majority is Macro-F1")


def test_controls_have_no_player(world, report):
    world.predictions += [
        world.prediction(row["id"], render_answer("sad"), control="shuffled")
        for row in world.utterances
    ]
    page = report()
    assert len(page.answers()) == len(page.answers("shuffled")) == 16
    assert 'if (!audio || answer.system.control !== "none") return null;' in page


def test_repeated_questions_have_a_row_and_no_samples(world, report, score):
    score()
    rows = json.loads((world.results / "scores.json").read_text())
    repeated = [
        row | {"control": "paraphrased", "value": 0.5, "low": 0.4, "high": 0.625}
        for row in rows
        if row["system"] == "tiny"
    ]
    (world.results / "scores.json").write_text(json.dumps(rows + repeated))
    samples = world.samples()
    world.write_jsonl(
        world.results / "samples.jsonl",
        samples
        + [
            sample | {"control": "paraphrased", "variant": variant}
            for variant in range(3)
            for sample in samples
        ],
    )
    page = report(scored=False)
    assert "0.400 \u2013 0.625" in section(page, "scores")
    assert "from the lowest to the highest" in section(page, "scores")
    assert "open, paraphrased 48" in section(page, "reading")
    assert len(page.data["answers"]) == 16


def test_differences_of_compare_are_shown_with_a_star(world, report, score):
    score()
    row = {
        "system": "row 11", "against": "row 10", "form": "open", "subset": "all",
        "metric": "f1_majority", "value": 0.0612, "low": 0.01, "high": 0.11, "p": 0.0004,
        "p_holm": 0.0016, "p_bootstrap": 0.001, "smallest": 0.05, "n": 200,
    }  # fmt: skip
    unsure = row | {"metric": "f1_all_labels", "p_holm": 0.2, "value": 0.02}
    (world.results / "comparisons.json").write_text(json.dumps([row, unsure]))
    shown = section(report(scored=False), "comparisons")
    assert (
        "row 11 row 10 open all f1_majority +0.061* +0.010 \u2013 +0.110 &lt;0.001 0.002 0.050"
        in shown
    )
    assert "f1_all_labels +0.020 +0.010" in shown


def test_groundedness_counts_claims_by_family(world, report, score):
    score()

    def with_claims(sample):
        number = int(sample["id"].rsplit("_", 1)[1])
        outcome = ["supported", "contradicted", "not_measurable", "supported"][number % 4]
        sample["claims"] = [
            {"start": 0, "end": 3, "family": "pitch", "level": "low", "outcome": outcome}
        ]

    rewrite(world, with_claims)
    rows = json.loads((world.results / "scores.json").read_text())
    for metric, value in (("groundedness", 2 / 3), ("groundedness_shuffled", 0.5)):
        rows.append(rows[0] | {"metric": metric, "value": value, "low": 0.25, "high": 0.75})
    (world.results / "scores.json").write_text(json.dumps(rows))
    page = report(scored=False)
    shown = section(page, "groundedness")
    assert "own audio 0.667 0.250 \u2013 0.750" in shown
    assert "shuffled 0.500 0.250 \u2013 0.750" in shown
    assert "pitch 8 4 4" in shown
    answer = page.answers()[1]
    assert answer["reason"] == [
        ["Low", "claim", 0],
        [" pitch", "acoustic", None],
        [".", None, None],
    ]
    assert answer["claims"] == [
        {"family": "pitch", "level": "low", "outcome": "contradicted", "words": "Low"}
    ]
    assert [found["grounded"] for found in page.answers()[:4]] == [1.0, 0.0, None, 1.0]


def test_words_against_voice_is_drawn_for_every_system(world, whyser_eval, report):
    """Sixteen clips whose words are sad; half of the answers are right, the others neutral."""
    words = world.folder / "words.csv"
    rows = [f"{row['id']},{'sad' if n < 12 else 'neutral'}" for n, row in
            enumerate(world.utterances)]  # fmt: skip
    words.write_text("\n".join(["id,words", *rows]) + "\n")
    assert whyser_eval(*world.score_arguments("--words", words))[0] == 0
    page = report(scored=False)
    text = section(page, "conflict")
    assert "Left out: neutral words (4)." in text
    # Of twelve clips two are sad; of the others five are answered right, and none sad.
    assert "n=2" in text and "conflict, n=10" in text
    # Three shares with their intervals, and what follows neither.
    _, _, own = text.partition("tiny open ")
    shown = re.findall(r"\d\.\d{3}", own)
    voice = world.scores()["tiny", "none", "all", "conflict_accuracy"]["value"]
    assert [shown[3], shown[6], shown[9]] == [f"{voice:.3f}", "0.000", f"{1 - voice:.3f}"]
    # A bar has a part for each share that is not 0.
    bars = re.findall(r'<svg class="stack".*?</svg>', page, re.S)
    part = f'<rect class="right" x="0.00" width="{100 * voice:.2f}" height="14"/>'
    assert any(part in bar and f'width="{100 - 100 * voice:.2f}"' in bar for bar in bars)
    assert 'href="#conflict"' in page


def test_the_gap_between_genders_is_drawn(world, report):
    for number, row in enumerate(world.utterances[:14]):
        row["gender"] = "female" if number % 2 else "male"
    page = report()
    text = section(page, "genders")
    gap = world.scores()["tiny", "none", "all", "gender_gap"]
    assert f"{gap['value']:+.3f} {gap['low']:+.3f} \u2013 {gap['high']:+.3f}" in text
    assert "2 utterances of unknown gender are left out" in text
    assert "n=7" in text and 'href="#genders"' in page


def test_without_two_emotions_or_genders_there_are_no_sections(report):
    page = report()
    assert 'id="conflict"' not in page and 'id="genders"' not in page
    assert 'href="#conflict"' not in page and 'href="#genders"' not in page


def test_claims_that_nobody_measured_are_marked_as_such(report):
    page = report()
    assert "scored without measured cues" in section(page, "groundedness")
    assert [claim["outcome"] for claim in page.answers()[0]["claims"]] == ["unchecked"]


def test_scores_by_agreement_stand_in_their_bands(world, report, score):
    score()
    rows = json.loads((world.results / "scores.json").read_text())
    for row in rows:
        if (row["subset"], row["metric"]) == ("agreement:0.5-0.75", "f1_majority"):
            row |= {"value": 0.3125, "low": None, "high": None, "n": 9}
    (world.results / "scores.json").write_text(json.dumps(rows))
    assert "0.5-0.75 9 0.312" in section(report(scored=False), "disagreement")


def test_scores_by_entropy_stand_in_their_bands_with_the_divergence(world, report, score):
    stated = render_answer({"sad": 60, "neutral": 40}, target="distribution")
    world.predictions = [row | {"text": stated} for row in world.predictions]
    score("--entropy")
    rows = json.loads((world.results / "scores.json").read_text())
    for row in rows:
        if (row["subset"], row["metric"]) == ("entropy:mid", "js"):
            row |= {"value": 0.1875, "low": None, "high": None}
    (world.results / "scores.json").write_text(json.dumps(rows))
    shown = section(report(scored=False), "disagreement")
    assert "By entropy of the votes entropy n f1_majority f1_all_labels js" in shown
    assert "mid 14" in shown and "0.188" in shown


def test_reading_is_counted_and_the_audit_adds_words(world, report, score):
    world.predictions[0]["text"] = "nothing to say"
    score()
    audit = {
        "systems": [
            {"model": "tiny", "form": "open", "control": "none", "words": [["glad", "happy", 3]]},
        ],
        "rules_against_llm": {
            "agreement": 0.875, "kappa": 0.75, "n": 16,
            "disagreements": [
                {"rules": "unread", "llm": "sad", "n": 2,
                 "examples": [{"id": "x/1", "text": "<i>so so</i>"}]},
            ],
        },
    }  # fmt: skip
    (world.results / "audit.json").write_text(json.dumps(audit))
    shown = section(report(scored=False), "reading")
    assert "tiny open 16 15 6.2 % 0.0 % 0.0 %" in shown
    assert "angry 2 50.0 % 0.0 %" in shown
    assert "glad happy 3" in shown
    assert "The same label for 87.5 % of 16 answers, kappa 0.750" in shown
    assert "2 answers that they read differently" in shown
    assert "rules: unread , model: sad , 2 answers x/1 &lt;i&gt;so so&lt;/i&gt;" in shown


def test_the_audit_of_score_is_shown(world, whyser_eval, report, reading):
    """What score writes with a model that reads is what the report takes."""
    world.predictions[0]["text"] = "Gloomy."
    reading.reply = lambda data: json.dumps({"emotion": None, "second": None})
    endpoint = ("--reader-endpoint", reading.url, "--reader-model", "judge")
    status, _, err = whyser_eval(*world.score_arguments("--reader", "llm", "--audit", *endpoint))
    assert status == 0, err
    shown = section(report(scored=False), "reading")
    assert "The same label for 0.0 % of 16 answers" in shown
    assert "16 answers that they read differently" in shown
    assert "rules: sad , model: unread" in shown


def test_comparisons_are_read_as_table_reads_them(world, whyser_eval, score):
    score()
    row = {
        "system": "a", "against": "b", "form": "open", "subset": "all", "metric": "f1_majority",
        "value": "high", "low": 0, "high": 0, "p": 1, "p_holm": 1, "p_bootstrap": 1,
        "smallest": 0, "n": 1,
    }  # fmt: skip
    (world.results / "comparisons.json").write_text(json.dumps([row]))
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert "comparisons.json: 0.value: Input should be a valid number" in err


def test_a_class_that_nobody_declared_is_in_the_matrix(world, whyser_eval, report):
    """Two of the fear answers say contempt, which MELD's annotation cannot."""
    declared = [name for name in CLASSES if name != "contempt"]
    kept = [row for row in world.utterances if row["label"] != "contempt"]
    ids = [row["id"] for row in kept]
    world.utterances = kept
    world.predictions = [row for row in world.predictions if row["id"] in ids]
    for row, answer in zip(kept, world.predictions, strict=True):
        if row["label"] == "fear":
            answer["text"] = render_answer("contempt")
    arguments = world.score_arguments("--classes", ",".join(declared))
    assert whyser_eval(*arguments)[0] == 0
    page = report(scored=False)
    results = read_results(world.results, max_samples=1)
    fear = class_views(results, results.main[0])[declared.index("fear")]
    assert (fear.n, fear.f1) == (2, 0)
    assert [(cell.predicted, cell.share) for cell in fear.cells if cell.number] == [("contempt", 1)]
    assert "contempt" in section(page, "confusion")


def test_claims_of_plain_prose_are_marked_as_score_found_them(world, whyser_eval, report):
    for row in world.predictions:
        row["text"] = "The voice has a low pitch, so the speaker is sad."
    low = {"value": 1.0, "deviation": -1.0, "strength": -1.0, "level": "low"}
    families = ["pitch", "pitch_range", "loudness", "rate", "pauses"]
    cues = world.write_jsonl(
        world.folder / "cues.jsonl",
        [
            {"id": row["id"], "reference": "speaker"} | dict.fromkeys(families, low)
            for row in world.utterances
        ],
    )
    assert whyser_eval(*world.score_arguments("--cues", cues))[0] == 0
    answers = report(scored=False).answers()
    assert [claim["outcome"] for claim in answers[0]["claims"]] == ["supported"]
    assert answers[0]["claims"][0]["words"] in "The voice has a low pitch"


def test_a_run_of_repeated_questions_alone_is_told_as_such(world, whyser_eval, score):
    for row in world.predictions:
        row["control"] = "paraphrased"
    score()
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert "contains only answers to a repeated question" in err


def test_confidence_is_that_of_the_chosen_label(world, report, score):
    score()
    rewrite(world, lambda one: one.update(probabilities={one["prediction"]: 0.75, "fear": 0.1}))
    assert report(scored=False).answers()[1]["confidence"] == 0.75


# What is shown, and what is refused


def test_more_samples_than_asked_for_are_the_same_choice_for_every_system(world, report):
    world.predictions += [
        world.prediction(row["id"], render_answer("sad"), form="closed")
        for row in reversed(world.utterances)
    ]
    page = report("--max-samples", "5")
    assert "5 of 16 utterances" in text_of(page)
    assert len(page.data["utterances"]) == 5
    assert len(page.data["answers"]) == 10
    assert page.data["utterances"] == report("--max-samples", "5").data["utterances"]


def test_the_choice_depends_on_ids_alone_and_keeps_their_order():
    def chosen(ids):
        choice = SampleChoice(3)
        for id_ in ids:
            choice.offer({"id": id_, "text": "", "rationale": None, "transcript": None})
        return [sample["id"] for sample in choice]

    ids = [f"c/{number}" for number in range(50)]
    assert len(chosen(ids)) == 3
    assert chosen(ids) == sorted(chosen(ids), key=ids.index)
    assert chosen(ids[::-1]) == chosen(ids)[::-1]


def test_answers_that_are_not_shown_are_not_kept(world, score):
    """4,000 answers of 20 kB each, 80 MB on disk, in a tenth of that."""
    score()
    sample = world.samples()[0] | {"text": "a " * 10_000}
    with (world.results / "samples.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(4_000):
            stream.write(json.dumps(sample | {"id": f"msp_podcast/{number}"}) + "\n")
    tracemalloc.start()
    write_report(world.results, world.results / "report.html", max_samples=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("name", ["scores.json", "samples.jsonl", "provenance.json"])
def test_a_folder_that_score_did_not_write_is_refused(world, whyser_eval, score, name):
    score()
    (world.results / name).unlink()
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert f"{name}: no such file. Give a folder that whyser-eval score wrote" in err
    assert not (world.results / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scores.json", '[{"f1": 1}]', "row 1: system: Field required"),
        ("samples.jsonl", '{"id": "a"}\n', "is not a scored run as this version writes it"),
        ("comparisons.json", '[{"p": 1}]', "0.system: Field required"),
        ("audit.json", '{"systems": 3}', "is not a scored run as this version writes it"),
    ],
)
def test_foreign_content_is_refused(world, whyser_eval, score, name, content, words):
    score()
    (world.results / name).write_text(content)
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert words in err
    assert not (world.results / "report.html").exists()


def test_comparisons_of_other_answers_are_refused(world, whyser_eval, score):
    score()
    world.predictions += [one | {"model": "other"} for one in world.predictions]
    score()
    compare = ("compare", *world.score_arguments()[1:5], "--against", "other", "--draws", "100")
    compare = (*compare, "--output", world.results / "comparisons.json")
    assert whyser_eval(*compare)[0] == 0
    assert whyser_eval("report", world.results)[0] == 0
    world.predictions[0]["text"] = "It is sad."
    score()
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert f"comparisons.json: compares other answers than were scored: {world.folder}" in err
    assert whyser_eval(*compare)[0] == 0
    assert whyser_eval("report", world.results)[0] == 0


def test_a_folder_that_changes_while_it_is_read_is_refused(world, whyser_eval, score, monkeypatch):
    score()
    real = results._read_samples

    def read(*arguments):
        found = real(*arguments)
        score()
        return found

    monkeypatch.setattr(results, "_read_samples", read)
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert f"{world.results}: changed while it was read. Report it again." in err


# What the system was trained from


def test_the_training_is_named(world, report, score):
    assert "was trained from" not in report()
    facts = TrainingFacts(
        system="row <11>", checkpoint="Qwen/Q", rows={"whyser_train_reason": 15000}, teacher="T"
    )
    write_training(world.results, facts)
    page = report(scored=False)
    assert page.count("was trained from") == 1
    assert (
        "row &lt;11&gt; was trained from Qwen/Q on 15,000 rows of whyser_train_reason. Teacher: T."
    ) in page
