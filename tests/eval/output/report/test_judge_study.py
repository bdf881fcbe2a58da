"""Judge and human study in the report: the paper's figures, all digits, hostile names."""

import re
from dataclasses import replace

import pytest

from whyser_eval.explanations.judge.outcomes import PairOutcome
from whyser_eval.explanations.judge.rates import figures
from whyser_eval.explanations.judge.rows import write_judged
from whyser_eval.explanations.study.rows import write_studied
from whyser_eval.output.report.judge import METRICS, contests_by_judge, judge_view
from whyser_eval.output.report.study import study_view

from ...paper import ACCEPTED, judged, studied
from .pages import Page, section

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e\x00"
ESCAPED = "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img"


@pytest.fixture
def shown(world, report, score):
    """The report of a run beside which people and judges said something."""

    def call(people=None, judges=None):
        score()
        if people:
            write_studied(world.results / "study" / "study.json", people)
        if judges:
            write_judged(world.results / "judge" / "judge.json", judges)
        return report(scored=False)

    return call


def row_of(page, name, first):
    """Of a section, the text of the rows whose header is `first`."""
    text = re.search(rf'<section id="{name}".*?</section>', page, re.S)[0]
    rows = re.findall(r"<tr.*?</tr>", text, re.S)
    plain = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    return [row for row in plain if row.startswith(first)]


# Human study


def test_the_study_shows_the_papers_figure(shown):
    page = shown(studied())
    text = section(page, "study")
    assert "Test I: label and explanation accepted 10 raters, 32 items, 320 answers all" in text
    assert row_of(page, "study", "all")[0] == "all 69.1 % 58.9 \u2013 79.2"
    assert row_of(page, "study", "match")[0] == "match 72.5 % 61.1 \u2013 83.9"
    assert row_of(page, "study", "mismatch")[0] == "mismatch 65.6 % 54.8 \u2013 76.4"
    assert row_of(page, "study", "model-")[0] == "model-predicted 39.7 % 30.2 \u2013 49.2"
    assert row_of(page, "study", "gold-")[0] == "gold-referenced 60.3 % 50.8 \u2013 69.8"
    assert "320 answers; p = 0.036 against one half" in text


def test_every_interval_stands_beside(shown):
    line = row_of(shown(studied()), "study", "Test I all 10 32 320")[0]
    assert re.findall(r"69\.1 % (\S+) \u2013 (\S+)", line) == [
        ("58.9", "79.2"),
        ("57.1", "80.3"),
        ("63.8", "73.9"),
    ]


def test_the_drawn_interval_is_the_one_over_raters_and_stays_in_the_bar(shown):
    page = shown(studied())
    bars = re.findall(r'<svg class="share-bar".*?</svg>', page, re.S)
    assert len(bars) == 8
    assert 'd="M58.90 11H79.20' in bars[0]
    angry = next(bar for bar in bars if 'width="75.00"' in bar)
    assert 'd="M58.00 11H100.00' in angry, "the t interval reaches to 102 %"
    assert "58.0 \u2013 102.0" in section(page, "study")


def test_agreement_raters_and_what_was_left_out(shown):
    page = shown(studied())
    text = section(page, "study")
    assert "Test I all 320 0.123 0.126" in text
    assert "Test I match 160 \u2013 \u2013" in text
    assert f"rater 1 {100 * ACCEPTED[0] / 32:.1f} % 72.0 % 32 21.4 s" in text
    assert "rater 10 90.6 % \u2013 32 2.0 s faster than the clips an outlier" in text
    assert "Test I: 10 raters, 1 with remarks" in text
    assert "Left out anna.json: incomplete, 12 of 64 answered" in text
    assert "Warning. One rater&#39;s figures stand out." in text
    assert "acceptance_rate|study:3fa9c1d2|test:accept|subset:all|whyser:0.1.0" in text


def test_a_study_of_one_test_by_one_rater_shows_what_there_is(shown):
    people = studied()
    only = [
        replace(row, low=None, high=None, interval=None, raters=1)
        for row in people.rows
        if (row.test, row.metric, row.interval) == ("accept", "acceptance_rate", "t")
    ]
    page = shown(replace(people, rows=tuple(only), raters=(), reference=None, left_out=()))
    text = section(page, "study")
    assert "1 rater, 32 items" in text
    assert row_of(page, "study", "all") == ["all 69.1 %"]
    assert not re.search("Test II|Left out|kappa|p = |Drawn is", text)


def test_a_mirrored_interval_mirrors_every_kind():
    own, gold = study_view(studied())[1].lines
    for kind, estimate in own.estimates.items():
        mirrored = gold.estimates[kind]
        assert estimate.value + mirrored.value == pytest.approx(1)
        assert estimate.low + mirrored.high == pytest.approx(1)


# Judge


def test_the_judge_shows_the_papers_figure(shown):
    page = shown(judges=judged())
    text = section(page, "judge")
    assert (
        "row 11 against Q2A+CoT 600 pairs 86.8 % 3.3 % 8.2 % 1.7 % 90.0 % 87.5 \u2013 92.4" in text
    )
    assert (
        "row 11 against Q2.5O+CoT 600 pairs 75.0 % 8.0 % 17.0 % 0.0 % 79.0 % 75.7 \u2013 82.2"
        in text
    )
    assert "gemini-2.0-flash heard the audio win" in text
    assert "gpt-oss-20b read only the text win" in text
    assert "Warning. Judge and teacher are of one family." in text


def test_a_bar_shares_out_all_pairs(shown):
    bars = re.findall(r'<svg class="stack verdict-bar".*?</svg>', shown(judges=judged()), re.S)
    assert len(bars) == 4 + 8
    parts = re.findall(r'class="(\w+)" x="([\d.]+)" width="([\d.]+)"', bars[0])
    assert [name for name, _, _ in parts] == ["right", "minority", "wrong", "unread"]
    assert sum(float(width) for _, _, width in parts) == pytest.approx(100, abs=0.02)
    assert [float(start) for _, start, _ in parts] == pytest.approx([0, 86.83, 90.17, 98.33])
    assert 'd="M90.00 22v10"' in bars[0]


def test_what_stands_behind_the_bars(shown):
    page = shown(judges=judged())
    first, second = "Wilson 87.3 \u2013 92.2 n=590", "Wilson 75.6 \u2013 82.1 n=600"
    line = row_of(page, "judge", "win + tie/2, of readable pairs")[0]
    assert f"90.0 % 87.5 \u2013 92.4 {first} 79.0 % 75.7 \u2013 82.2 {second}" in line
    assert "&lt;0.001 n=570" in row_of(page, "judge", "p, wins against losses")[0]
    assert "3.1 % 2.0 \u2013 4.5 n=590" in row_of(page, "judge", "the verdict flips")[0]
    assert "55.0 % 52.0 \u2013 58.0 n=1,180" in row_of(page, "judge", "the first position")[0]
    assert "85.0 % 87.5" in row_of(page, "judge", "win + tie/2 at equal length")[0]
    assert "\u2013 n=100" in row_of(page, "judge", "win + tie/2 where it is the shorter")[0]
    assert row_of(page, "judge", "angry 50")[0] == "angry 50 82.0 % 72.0 \u2013 88.0"
    rated = row_of(page, "judge", "row 11 all")[0]
    assert re.findall(r"(\S+) (\S+) \u2013 (\S+) n=590", rated) == [
        ("0.82", "0.77", "0.87"),
        ("1.41", "1.36", "1.46"),
        ("1.67", "1.62", "1.72"),
    ]
    assert row_of(page, "judge", "gemini-2.0-flash gpt")[0] == (
        "gemini-2.0-flash gpt-oss-20b 81.0 % 0.520 1,200"
    )
    assert row_of(page, "judge", "gemini-2.0-flash humans")[0].endswith("62.5 % \u2013 32")


def test_every_figure_of_a_judge_has_words():
    """Those that `whyser-eval judge` writes, under the names that it gives them."""
    told = figures([PairOutcome("sad", "win", 1, 2, 0.0)], draws=0, seed=0)
    assert {one.metric for one in told} == set(METRICS)


def test_a_judge_that_heard_is_another_than_one_that_did_not():
    rows = judged().rows
    deaf = tuple(replace(row, hears=False) for row in rows if row.hears)
    both = contests_by_judge(judged(rows=rows + deaf))
    assert [(one[0].judge, one[0].hears, len(one)) for one in both] == [
        ("gemini-2.0-flash", True, 2),
        ("gpt-oss-20b", False, 2),
        ("gemini-2.0-flash", False, 2),
    ]


def test_a_metric_that_nobody_foresaw_comes_last_under_its_own_name(shown):
    told = judged()
    new = replace(told.rows[0], metric="elo", value=0.1, low=None, high=None, interval=None)
    view = judge_view(replace(told, rows=(new, *told.rows)))
    order = [metric for metric, _ in view.lines]
    assert order[:-1] == [metric for metric in METRICS if metric in order]
    assert order[-1] == "elo"
    assert row_of(shown(judges=replace(told, rows=(new, *told.rows))), "judge", "elo")


def test_verdicts_that_nobody_could_read_leave_an_empty_bar(shown):
    told = judged()
    rows = tuple(
        replace(row, value=1.0 if row.metric == "unreadable_rate" else None, low=None, high=None)
        for row in told.rows
    )
    text = section(shown(judges=replace(told, rows=rows)), "judge")
    assert "600 pairs 0.0 % 0.0 % 0.0 % 100.0 % \u2013" in text


# Both


def test_without_their_files_there_is_no_section_and_no_link(shown):
    page = Page(shown())
    assert not {"study", "judge"} & {tag.get("id") for tag in page.named("section")}
    assert not {"#study", "#judge"} & {tag["href"] for tag in page.named("a")}


def test_they_follow_groundedness_and_are_linked(shown):
    page = Page(shown(studied(), judged()))
    order = [tag["id"] for tag in page.named("section")]
    assert order[order.index("groundedness") :][:4] == ["groundedness", "study", "judge", "reading"]
    assert {"#study", "#judge"} <= {tag["href"] for tag in page.named("a")}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("judge/judge.json", '{"rows": [{"judge": 3}]}', "rows.0.judge: Input should be a valid"),
        ("study/study.json", '{"study": "a", ', "Invalid JSON"),
    ],
)
def test_a_broken_file_is_named(world, whyser_eval, score, name, content, words):
    score()
    path = world.results / name
    path.parent.mkdir()
    path.write_text(content)
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert f"{name}: " in err and words in err
    assert not (world.results / "report.html").exists()


def test_hostile_words_stay_words(shown):
    """Wherever a word of the two files may come from elsewhere."""
    people, told = studied(), judged()
    names = {"judge": HOSTILE, "system": HOSTILE, "against": HOSTILE, "signature": HOSTILE}
    answers = [replace(row, signature=HOSTILE) for row in people.rows]
    verdicts = [replace(row, **names) for row in told.rows]
    page = shown(
        studied(
            study=HOSTILE,
            system=HOSTILE,
            reference=HOSTILE,
            rows=(*answers, replace(answers[0], subset=f"emotion:{HOSTILE}")),
            raters=(replace(people.raters[0], rater=HOSTILE, remarks=(HOSTILE,)),),
            left_out=(HOSTILE,),
            warnings=(HOSTILE,),
        ),
        judged(
            rows=(*verdicts, replace(verdicts[0], emotion=HOSTILE, metric=HOSTILE)),
            rubric=tuple(
                replace(row, judge=HOSTILE, system=HOSTILE, criterion=HOSTILE, emotion=HOSTILE)
                for row in told.rubric
            ),
            agreement=(replace(told.agreement[0], first=HOSTILE, second=HOSTILE),),
            warnings=(HOSTILE,),
        ),
    )
    tags = Page(page)
    assert [found.get("type") for found in tags.named("script")] == ["application/json", None]
    assert tags.named("img") == []
    assert not [name for _, attributes in tags.tags for name in attributes if name[:2] == "on"]
    assert page.count(ESCAPED) > 30
    assert "{{ 7 * 7 }}⟨U+202E⟩␀" in page
    assert not re.search("[\x00-\x08\u202e]", page)
