"""Runs shown as the paper's Table 1: groups, marks, and hostile names."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from whyser.io.errors import BadInput, InputError
from whyser.records.training import TrainingFacts, write_training
from whyser_eval.output.table import lay_out, read_published
from whyser_eval.output.table.render import FORMATS, rich_groups
from whyser_eval.scoring.scores import read_scores

SUBSETS = {"all": 1200, "strict": 900}
METRICS = ("f1_majority", "f1_all_labels")


def row(system, value, *, form="open", subset="all", metric="f1_majority", **changes):
    control = changes.pop("control", "none")
    references = changes.pop("references", "3fa9c1d2")
    n = changes.pop("n", SUBSETS[subset])
    signature = (
        f"{metric}|corpus:msp_podcast|split:test1|form:{form}|control:{control}|subset:{subset}"
        f"|n:{n}|labels:8|avg:macro|parser:rules-3+5f1582fd|unread:miss=0|refs:{references}"
        "|prompt:9c01aa7e|whyser:0.1.0"
    )
    return {
        "system": system, "form": form, "control": control, "subset": subset, "metric": metric,
        "value": value, "low": None, "high": None, "n": n, "signature": signature,
    } | changes  # fmt: skip


def whole(system, *values, **changes):
    """The four figures of a form: MV and All on the whole set, then on the strict subset."""
    places = [(subset, metric) for subset in SUBSETS for metric in METRICS]
    return [
        row(system, value, subset=subset, metric=metric, **changes)
        for (subset, metric), value in zip(places, values, strict=True)
    ]


@pytest.fixture
def run(tmp_path):
    """Writes a run's scores.json; returns its folder."""

    def write(name, rows):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "scores.json").write_text(json.dumps(rows), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def two(run):
    """Rows 10 and 11 of somebody, open form, with a control and the guesses."""
    rows = [
        *whole("row10", 0.30114, 0.56784, 0.32154, 0.50304),
        *whole("row10", 0.1, 0.2, 0.1, 0.2, control="shuffled"),
        *whole("constant:neutral", 0.08, 0.1, 0.09, 0.11, form="any"),
    ]
    return [run("ten", rows), run("eleven", whole("row11", 0.36144, 0.66784, 0.40154, 0.59324))]


def compared(path, value, *, p=0.004, system="row11", against="row10", **changes):
    content = {
        "system": system, "against": against, "form": "open", "subset": "all",
        "metric": "f1_majority", "value": value, "low": 0.0, "high": 0.1, "p": p, "p_holm": p,
        "p_bootstrap": p, "smallest": 0.02, "n": 1200,
    } | changes  # fmt: skip
    path.write_text(json.dumps([content]), encoding="utf-8")
    return path


def texts(table, name):
    """A system's figures as printed, with its marks and `best` where it is."""
    (line,) = [line for group in table.groups for line in group.lines if line.name == name]
    return [
        cell and cell.text + cell.marks + (" best" if cell.is_best else "") for cell in line.cells
    ]


def titles(table):
    return [group.title for group in table.groups]


# What stands in it


def test_the_columns_are_those_of_the_paper(two):
    table = lay_out(two)
    assert table.columns == tuple(
        (form, subset, metric)
        for form in ("open", "closed")
        for subset in SUBSETS
        for metric in METRICS
    )
    assert texts(table, "row10") == ["30.11", "56.78", "32.15", "50.30", *[None] * 4]
    # A guess reads no question: it stands under both forms.
    assert texts(table, "constant:neutral") == ["8.00", "10.00", "9.00", "11.00"] * 2


def test_a_form_that_nobody_was_asked_has_no_columns(two):
    table = lay_out(two, published=False)
    assert {column.form for column in table.columns} == {"open"}


def test_the_highest_of_two_systems_is_best_and_no_other_row(two):
    table = lay_out(two, controls=True)
    assert texts(table, "row11") == [
        "36.14 best", "66.78 best", "40.15 best", "59.32 best", *[None] * 4,
    ]  # fmt: skip
    best = [
        line.kind
        for group in table.groups
        for line in group.lines
        if any(cell and cell.is_best for cell in line.cells)
    ]
    assert best == ["system"]


def test_one_system_alone_is_not_best(two):
    assert "best" not in str(texts(lay_out(two[:1]), "row10"))


def test_figures_that_print_alike_are_best_together(run):
    rows = [*whole("a", 0.30001, 0, 0, 0), *whole("b", 0.30002, 0, 0, 0)]
    table = lay_out([run("one", rows)], published=False)
    assert texts(table, "a")[0] == texts(table, "b")[0] == "30.00 best"
    finer = lay_out([run("two", rows)], published=False, decimals=3)
    assert [texts(finer, name)[0] for name in "ab"] == ["30.001", "30.002 best"]


def test_controls_come_when_asked_for(two):
    assert "row10, shuffled" not in FORMATS["markdown"](lay_out(two))
    assert texts(lay_out(two, controls=True), "row10, shuffled")[:4] == [
        "10.00", "20.00", "10.00", "20.00",
    ]  # fmt: skip


def test_an_empty_subset_has_no_figure(run):
    rows = [row("a", 0.5), row("a", None, subset="strict", n=0)]
    assert texts(lay_out([run("one", rows)], published=False), "a") == ["50.00", None]


def test_forms_of_one_system_share_a_line(run):
    parts = [run(form, whole("a", 0.1, 0.2, 0.3, 0.4, form=form)) for form in ("open", "closed")]
    table = lay_out(parts, published=False)
    assert texts(table, "a") == ["10.00", "20.00", "30.00", "40.00"] * 2


def test_every_reading_of_all_labels(world, whyser_eval):
    assert whyser_eval(*world.score_arguments())[0] == 0
    table = lay_out([world.results], layout="readings", published=False)
    scores = world.scores()
    assert [column.metric for column in table.columns] == [
        "f1_majority", "f1_all_labels", "f1_multilabel", "f1_relaxed", "hit_rate", "hit_rate_macro",
    ]  # fmt: skip
    assert [float(text) for text in texts(table, "tiny")] == [
        pytest.approx(100 * scores["tiny", "none", "all", metric]["value"], abs=0.005)
        for _, _, metric in table.columns
    ]


def test_every_subset_that_was_scored(run):
    rows = [row("a", 0.5), row("a", 0.6, subset="strict"), row("a", 0.4, subset="all") | {
        "subset": "corpus:meld", "n": 7}]  # fmt: skip
    table = lay_out([run("one", rows)], layout="subsets", published=False)
    assert [column.subset for column in table.columns] == ["all", "strict", "corpus:meld"]
    assert any("corpus:meld n = 7" in note for note in table.notes)


def ended(system, value, metric, n, **changes):
    """A row on the whole set with an interval of 0.1 on both sides."""
    return row(system, value, metric=metric, n=n, low=value - 0.1, high=value + 0.1, **changes)


def lines_of(table, name):
    """The cells of a system with their intervals."""
    (line,) = [line for group in table.groups for line in group.lines if line.name == name]
    return [cell and cell.text + cell.ends for cell in line.cells]


@pytest.fixture
def conflict(run):
    figures = {"a": (0.9, 0.2, 0.7), "b": (0.8, 0.7, 0.2)}
    metrics = {"congruent_accuracy": 36, "conflict_accuracy": 108, "words_rate": 108}
    rows = [
        one
        for name, values in figures.items()
        for one in (
            *whole(name, 0.3, 0.4, 0.3, 0.4),
            *(ended(name, v, m, n) for v, (m, n) in zip(values, metrics.items(), strict=True)),
        )
    ]
    return run("conflict", rows)


def test_words_against_voice_has_a_table_with_intervals(conflict):
    """And without a best: the highest share of answers that follow the words is no success."""
    table = lay_out([conflict], layout="conflict", decimals=0)
    assert [column.headings[2] for column in table.columns] == ["Congruent", "Voice", "Words"]
    assert lines_of(table, "a") == ["90 [80, 100]", "20 [10, 30]", "70 [60, 80]"]
    assert not any("best" in one for one in texts(table, "a"))
    (sizes,) = [note for note in table.notes if note.startswith("References")]
    assert "Whole Congruent n = 36, Whole Voice n = 108, Whole Words n = 108" in sizes
    assert any("follows neither" in note for note in table.notes)
    assert " 20 [10, 30] |" in FORMATS["markdown"](table)
    assert "& 20 {[}10, 30]" in FORMATS["latex"](table)
    assert ",0.2," in FORMATS["csv"](table)
    (_, drawn) = rich_groups(table)
    assert list(drawn.columns[2].cells) == ["20 [10, 30]", "70 [60, 80]"]


def test_the_gap_between_genders_has_a_table_with_its_p(run):
    rows = whole("a", 0.3, 0.4, 0.3, 0.4)
    for gender, value, n in (("female", 0.4, 500), ("male", 0.3, 600)):
        rows.append(ended("a", value, "f1_majority", n) | {"subset": f"gender:{gender}"})
    rows.append(ended("a", 0.1, "gender_gap", 1100))
    rows.append(row("a", 0.00012, metric="gender_gap_p", n=1100))
    table = lay_out([run("one", rows)], layout="genders", decimals=1)
    assert [" ".join(column.headings) for column in table.columns] == [
        "Open gender:female MV", "Open gender:male MV", "Open Whole Gap", "Open Whole p",
    ]  # fmt: skip
    assert lines_of(table, "a") == [
        "40.0 [30.0, 50.0]", "30.0 [20.0, 40.0]", "10.0 [0.0, 20.0]", "<0.001",
    ]  # fmt: skip
    assert any("female speakers less that of male" in note for note in table.notes)
    assert r"\<0.001" in FORMATS["markdown"](table)
    assert r"\textless{}0.001" in FORMATS["latex"](table)


@pytest.mark.parametrize(
    ("layout", "cure"), [("conflict", "with --words"), ("genders", "female and male")]
)
def test_runs_without_two_emotions_or_genders_are_told_the_cure(two, layout, cure):
    with pytest.raises(InputError, match=cure):
        lay_out(two, layout=layout)


# What does not compare


def test_other_references_stand_apart_with_their_hash(two, run):
    other = run("other", whole("row12", 0.9, 0.9, 0.9, 0.9, references="0badcafe"))
    table = lay_out([*two, other], published=False)
    assert titles(table) == [
        "msp_podcast, test1 (references 3fa9c1d2)",
        "Guesses on msp_podcast, test1 (references 3fa9c1d2)",
        "msp_podcast, test1 (references 0badcafe)",
    ]
    # 90.00 would be the highest of the column, and is of other utterances.
    assert texts(table, "row11")[0] == "36.14 best" and texts(table, "row12")[0] == "90.00"
    assert any("different references do not compare" in note for note in table.notes)
    assert any("References 0badcafe: msp_podcast, test1, 8 classes; Whole n = 1,200, Strict n = 900"
               in note for note in table.notes)  # fmt: skip


def test_two_readers_are_told(run):
    rows = [row("a", 0.5), row("b", 0.6)]
    rows[1]["signature"] = rows[1]["signature"].replace("rules-3+5f1582fd", "hybrid-1+00000000")
    table = lay_out([run("one", rows)])
    assert any("different readers: hybrid-1+00000000, rules-3+5f1582fd" in n for n in table.notes)


def test_a_system_with_two_figures_is_refused(run):
    first, second = run("one", [row("a", 0.5)]), run("two", [row("a", 0.6)])
    with pytest.raises(InputError, match=r"two/scores.json: a \(open, all, f1_majority\) is 0.6"):
        lay_out([first, second])
    assert lay_out([first, first]).groups[0].lines[0].name == "a"


def test_a_prior_drawn_anew_is_no_contradiction(run):
    folders = [run(name, [row("a", 0.5), row("prior", value, form="any")])
               for name, value in (("one", 0.12), ("two", 0.13))]  # fmt: skip
    assert texts(lay_out(folders), "prior")[0] == "12.00"


def test_a_system_may_be_called_as_a_guess_is(run):
    rows = [row("prior", 0.5), row("prior", 0.12, form="any"), row("b", 0.4)]
    ours, guesses = lay_out([run("one", rows)], published=False).groups
    assert [line.cells[0].text for line in (*ours.lines, *guesses.lines)] == [
        "50.00", "40.00", "12.00",
    ]  # fmt: skip


# Published rows


def test_published_rows_are_the_paper_s():
    figures = {(one.id, *one.column): float(one.value) for one in read_published()}
    assert {id_ for id_, *_ in figures} == set(range(1, 12))
    # The sums of rows 4 to 11 in the paper's own columns.
    sums = {
        ("open", "all", "f1_majority"): 202.54,
        ("open", "all", "f1_all_labels"): 392.53,
        ("open", "strict", "f1_majority"): 219.71,
        ("open", "strict", "f1_all_labels"): 350.83,
        ("closed", "all", "f1_majority"): 192.55,
        ("closed", "all", "f1_all_labels"): 378.27,
        ("closed", "strict", "f1_majority"): 211.99,
        ("closed", "strict", "f1_all_labels"): 338.47,
    }
    for column, expected in sums.items():
        found = [value for (id_, *place), value in figures.items()
                 if tuple(place) == column and id_ > 3]  # fmt: skip
        assert sum(found) == pytest.approx(expected), column
    assert figures[11, "open", "all", "f1_majority"] == 36.14
    assert figures[1, "closed", "all", "f1_majority"] == 29.70
    # Crediting more labels never lowers a score.
    for (id_, form, subset, metric), value in figures.items():
        if metric == "f1_majority" and id_ > 3:
            assert figures[id_, form, subset, "f1_all_labels"] > value


def test_rows_of_release_2_are_marked_as_such():
    releases = {one.id: (one.release, one.split) for one in read_published()}
    assert [releases[id_] for id_ in (1, 2, 3)] == [("2.0", "test1")] * 3
    assert {releases[id_] for id_ in range(4, 12)} == {("1.12", "test1")}


def test_published_rows_stand_last_unmarked_and_with_a_warning(two, tmp_path):
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114)
    table = lay_out(two, comparisons=[stars])
    published = [group for group in table.groups if group.references is None]
    assert table.groups[-2:] == tuple(published)
    assert [(group.release, len(group.lines)) for group in published] == [("2.0", 3), ("1.12", 8)]
    assert all("Published" in group.title for group in published)
    cells = [cell for group in published for line in group.lines for cell in line.cells if cell]
    assert len(cells) == 67
    assert not any(cell.marks or cell.is_best or cell.row for cell in cells)
    assert "needs their answers" in table.notes[-1]
    assert len(lay_out(two, published=False).groups) == 2


# Marks


def test_a_significant_difference_is_marked_and_its_baseline_named(two, tmp_path):
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114)
    table = lay_out(two, comparisons=[stars])
    assert texts(table, "row11")[:2] == ["36.14* best", "66.78 best"]
    assert "* differs from row10: p <= 0.05 after Holm." in table.notes


@pytest.mark.parametrize(("p", "mark"), [(0.05, "*"), (0.0501, ""), (None, "")])
def test_the_mark_needs_p_after_holm_of_at_most_5_percent(two, tmp_path, p, mark):
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114, p=p)
    assert texts(lay_out(two, comparisons=[stars]), "row11")[0] == f"36.14{mark} best"


def test_two_baselines_have_two_marks(two, run, tmp_path):
    third = run("twelve", whole("row12", 0.2, 0.2, 0.2, 0.2))
    files = [
        compared(tmp_path / "ten.json", 0.36144 - 0.30114),
        compared(tmp_path / "twelve.json", 0.36144 - 0.2, against="row12"),
    ]
    table = lay_out([*two, third], comparisons=files)
    assert texts(table, "row11")[0] == "36.14*† best"
    assert "† differs from row12: p <= 0.05 after Holm." in table.notes


def test_comparisons_of_other_scores_are_refused(two, tmp_path):
    with pytest.raises(InputError, match=r"row11 less row10 .* is 0.05 on 1,200 .*compare again"):
        lay_out(two, comparisons=[compared(tmp_path / "value.json", 0.05)])
    with pytest.raises(InputError, match="on 7 utterances"):
        lay_out(two, comparisons=[compared(tmp_path / "n.json", 0.36144 - 0.30114, n=7)])
    with pytest.raises(InputError, match="does not compare two systems of the table"):
        lay_out(two, comparisons=[compared(tmp_path / "who.json", 0.1, against="nobody")])


def test_a_file_that_holds_no_comparisons_is_refused(two, tmp_path):
    path = tmp_path / "c.json"
    path.write_text('[{"system": "row11"}]')
    with pytest.raises(InputError, match=r"c.json: 0.against: Field required.*compare --output"):
        lay_out(two, comparisons=[path])


def test_what_compare_writes_is_read(world, whyser_eval, tmp_path):
    world.predictions += [
        world.prediction(one["id"], "<answer>sad</answer>", model="other")
        for one in world.predictions
    ]
    assert whyser_eval(*world.score_arguments())[0] == 0
    stars = tmp_path / "c.json"
    status, _, err = whyser_eval(
        "compare", "--references", world.references_file, "--predictions", world.predictions_file,
        "--against", "other", "--draws", 200, "--output", stars,
    )  # fmt: skip
    assert status == 0, err
    table = lay_out([world.results], comparisons=[stars], published=False)
    (found,) = [one for one in json.loads(stars.read_text())
                if (one["subset"], one["metric"]) == ("all", "f1_majority")]  # fmt: skip
    assert ("*" in texts(table, "tiny")[0]) == (found["p_holm"] <= 0.05)
    assert any("differs from other" in note for note in table.notes)


# Formats

HOSTILE = "Qwen_2|*audio* & \\input{x} $1$ #~^ [b]<script>\n\u202e%"


@pytest.fixture
def hostile(run):
    rows = [*whole(HOSTILE, 0.1, 0.2, 0.3, 0.4), *whole("[x]", 0.1, 0.3, 0.3, 0.4)]
    return lay_out([run("hostile", rows)])


def test_markdown_is_one_aligned_table(hostile):
    lines = FORMATS["markdown"](hostile).split("\n\n")[0].splitlines()
    assert len({len(line) for line in lines}) == 1
    # Unescaped pipes only: every line has as many cells.
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {10}
    assert re.fullmatch(r"\| -+ \|( -+: \|){8}", lines[1])
    name = r"Qwen\_2\|\*audio\* \& \\input{x} \$1\$ \#\~^ \[b\]\<script>??%"
    assert any(line.startswith(f"| {name} ") for line in lines)
    assert "**20.00**" not in "".join(lines) and "**30.00**" in "".join(lines)


def test_markdown_marks_are_no_emphasis(two, tmp_path):
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114)
    assert r" **36.14**\* |" in FORMATS["markdown"](lay_out(two, comparisons=[stars]))


def test_latex_escapes_every_name(hostile):
    text = FORMATS["latex"](hostile)
    name = (
        r"Qwen\_2\textbar{}{*}audio{*} \& \textbackslash{}input\{x\} \$1\$ \#\textasciitilde{}"
        r"\textasciicircum{} {[}b]\textless{}script\textgreater{}??\%"
    )
    assert f"\n{name} & 10.00" in text or rf"{name} & \textbf{{10.00}}" in text
    assert "\\input{x}" not in text and "\u202e" not in text
    # After the end of a line, `[` and `*` would be read as its options.
    assert not re.search(r"\\\\\s*[\[*]", text)


def test_latex_is_a_booktabs_table(two, tmp_path):
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114)
    text = FORMATS["latex"](lay_out(two, comparisons=[stars]))
    for name in ("table*", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    assert r"\begin{tabular}{lrrrrrrrr}" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    for line in body.splitlines():
        if line.endswith(r"\\"):
            spans = [int(width) for width in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            cells = len(re.findall(r"(?<!\\)&", line)) + 1
            assert cells - len(spans) + sum(spans) == 9, line
    assert body.count(r"\midrule") == 4
    assert r"\multicolumn{4}{c}{Open} & \multicolumn{4}{c}{Closed}" in body
    assert r"\cmidrule(lr){2-5} \cmidrule(lr){6-9}" in body
    assert r"\textbf{36.14}$^{*}$" in body
    assert body.count("{") == body.count("}")


@pytest.mark.parametrize("name", ["=1+1", "+1+1", "-x", "@SUM(A1)", "\t=1"])
def test_a_system_in_the_csv_is_no_formula(run, name):
    table = lay_out([run("formula", whole(name, 0.1, 0.2, 0.3, 0.4))])
    first, *_ = csv.DictReader(io.StringIO(FORMATS["csv"](table)))
    assert first["system"] == f"'{name}"


def test_csv_has_every_digit_and_the_name_as_it_is(hostile, two, tmp_path):
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](hostile))))
    assert rows[0]["system"] == HOSTILE
    assert (rows[0]["group"], rows[0]["references"], rows[0]["split"]) == (
        "system", "3fa9c1d2", "test1",
    )  # fmt: skip
    stars = compared(tmp_path / "c.json", 0.36144 - 0.30114)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](lay_out(two, comparisons=[stars])))))
    found = {line["system"]: line for line in rows}
    assert float(found["row11"]["open.all.f1_majority"]) == 0.36144
    assert found["row11"]["open.all.f1_majority.mark"] == "*"
    assert found["row11"]["closed.all.f1_majority"] == ""
    last = found["Q2A LoRA SFT, rationale (row 11)"]
    assert (last["group"], last["release"], last["references"]) == ("published", "1.12", "")
    assert float(last["open.all.f1_majority"]) == pytest.approx(0.3614)
    assert last["open.all.f1_majority.mark"] == ""


def test_on_a_terminal_a_name_is_no_markup(hostile):
    from rich.console import Console

    console = Console(width=240, record=True, file=io.StringIO())
    console.print(*rich_groups(hostile))
    shown = console.export_text()
    assert "[b]<script>??%" in shown and "36.14" in shown


def test_a_long_name_is_cut_where_it_is_shown(run):
    folder = run("long", [row("x" * 100_000, 0.5)])
    table = lay_out([folder])
    assert all(len(FORMATS[name](table)) < 20_000 for name in ("markdown", "latex"))
    assert "x" * 100_000 in FORMATS["csv"](table)


# The command


def test_the_command_prints_markdown(two, whyser_eval):
    status, out, err = whyser_eval("table", *two)
    assert status == 0, err
    assert out == FORMATS["markdown"](lay_out(two))


@pytest.mark.parametrize(
    ("name", "form"), [("t.md", "markdown"), ("t.tex", "latex"), ("t.csv", "csv")]
)
def test_the_suffix_tells_the_format_and_signatures_lie_beside(
    two, whyser_eval, tmp_path, name, form
):
    output = tmp_path / "out" / name
    status, out, err = whyser_eval("table", *two, "--output", output)
    assert status == 0, err
    assert out == "" and str(output) in err
    assert output.read_text(encoding="utf-8") == FORMATS[form](lay_out(two))
    lines = (tmp_path / "out" / "t.signatures.tsv").read_text(encoding="utf-8").splitlines()
    signed = {tuple(line.split("\t")) for line in lines}
    figures = [one for folder in two for one in read_scores(folder / "scores.json")]
    assert {one.signature for one in figures if one.control == "none"} == {s for *_, s in signed}
    assert ("row11", "36.14", row("row11", 0)["signature"]) in signed


def test_an_unknown_suffix_is_asked_about(two, whyser_eval, tmp_path):
    status, _, err = whyser_eval("table", *two, "--output", tmp_path / "t.docx")
    assert status == 1 and "unknown suffix '.docx'" in err and "--format" in err
    assert not (tmp_path / "t.docx").exists()


def test_signatures_are_printed_when_asked_for(two, whyser_eval):
    _, out, _ = whyser_eval("table", *two, "--signatures", "--format", "csv")
    assert row("row10", 0)["signature"] in out


def test_a_folder_without_scores_is_named(tmp_path, whyser_eval):
    status, _, err = whyser_eval("table", tmp_path)
    assert status == 1 and "scores.json: no such file" in err


def test_runs_without_the_layouts_figures_are_refused(run):
    with pytest.raises(InputError, match="no figure for the layout 'paper'"):
        lay_out([run("one", [row("a", 0.1, metric="ua")])])
    with pytest.raises(InputError, match="no row of the subset 'all'"):
        lay_out([run("two", [row("a", 0.1, subset="strict")])])
    with pytest.raises(BadInput, match="refs"):
        lay_out([run("three", [row("a", 0.1) | {"signature": "f1|corpus:x"}])])


def test_a_table_does_not_change_what_it_was_given(two):
    before = [(folder / "scores.json").read_bytes() for folder in two]
    first, second = lay_out(two), lay_out(two)
    assert first == second and first == replace(second)
    assert before == [(folder / "scores.json").read_bytes() for folder in two]


# What a system was trained from

TRAINED = {
    name: TrainingFacts(
        system=name, checkpoint="Qwen/Q", rows={"whyser_train_x": rows}, teacher="measured cues"
    )
    for name, rows in (("row10", 84000), ("row11", 15000))
}


def test_the_training_of_each_system_is_noted(two):
    table = lay_out(two)
    assert not any("trained from" in note for note in table.notes)
    write_training(two[1], TRAINED["row11"])
    sentence = (
        "row11 was trained from Qwen/Q on 15,000 rows of whyser_train_x. Teacher: measured cues."
    )
    assert [note for note in lay_out(two).notes if "trained from" in note] == [sentence]
    write_training(two[0], TRAINED["row10"])
    noted = [note for note in lay_out(two).notes if "trained from" in note]
    assert noted == [str(TRAINED["row10"]), sentence]
    assert sentence.replace("_", r"\_") in FORMATS["markdown"](lay_out(two))


def test_the_command_prints_the_training(two, whyser_eval):
    write_training(two[0], TRAINED["row10"])
    status, out, err = whyser_eval("table", *two, "--format", "markdown")
    assert status == 0, err
    assert str(TRAINED["row10"]).replace("_", r"\_") in out


def test_a_broken_record_of_a_training_is_refused(two):
    (two[0] / "training.json").write_text('{"system": "row10"}')
    with pytest.raises(InputError, match="from predict again"):
        lay_out(two)
