"""Figures for a paper: their content and size, and the same bytes on every machine."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from whyser_eval.explanations.judge.rows import write_judged
from whyser_eval.explanations.study.rows import write_studied
from whyser_eval.output.figure_canvas import WIDTH, drawing
from whyser_eval.output.figures import _LOOKS, draw_judge, draw_study, write_figure
from whyser_eval.output.report.judge import contests_by_judge
from whyser_eval.output.report.study import study_view

from ..paper import judged, studied

FORMATS = [".svg", ".pdf", ".png"]

HOSTILE = "$\\frac{1}{ --> <script>alert(1)</script> \u202e\x00\n" + "w" * 10_000


@pytest.fixture(autouse=True)
def matplotlib(needs):
    needs("matplotlib", "pip install -e '.[figures]'")


@pytest.fixture
def results(tmp_path):
    write_judged(tmp_path / "judge" / "judge.json", judged())
    write_studied(tmp_path / "study" / "study.json", studied())
    return tmp_path


@pytest.fixture
def figure(whyser_eval, results):
    """Draws by the command; returns (exit status, standard error, path)."""

    def call(which, suffix=".svg"):
        path = results / f"{which}{suffix}"
        status, _, err = whyser_eval("figure", results, "--which", which, "--output", path)
        return status, err, path

    return call


def words(path):
    """What an SVG shows, which its outlines are commented with."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"), re.S)


# What they draw


def test_the_study_has_the_papers_digits(figure):
    status, _, path = figure("study")
    assert status == 0
    shown = words(path)
    assert {"69.1 [58.9, 79.2]", "72.5 [61.1, 83.9]", "65.6 [54.8, 76.4]"} <= set(shown)
    assert {"39.7 [30.2, 49.2]", "60.3 [50.8, 69.8]", "10 raters, 32 items"} <= set(shown)


def test_the_judge_has_the_papers_digits(figure):
    shown = words(figure("judge")[2])
    assert {"90.0 [87.5, 92.4]", "79.0 [75.7, 82.2]", "86.8", "17.0", "600 pairs"} <= set(shown)
    assert {"row 11 vs. Q2A+CoT", "heard the audio", "read only the text"} <= set(shown)
    assert "1.7" not in shown, "a part without room for its digits"


def test_bars_are_as_long_as_their_shares():
    with drawing():
        canvas = draw_judge(contests_by_judge(judged())[:1])
    parts = [one.get_width() / (canvas.right - canvas.left) for one in canvas.axes.patches]
    assert parts[:5] == pytest.approx([521 / 600, 20 / 600, 49 / 600, 10 / 600, 1])
    assert parts[5:] == pytest.approx([450 / 600, 48 / 600, 102 / 600, 0, 1])


def test_an_interval_beyond_the_scale_ends_at_its_end():
    people = studied()
    rows = tuple(
        replace(row, low=-0.1, high=1.2) for row in people.rows if row.metric == "acceptance_rate"
    )
    with drawing():
        canvas = draw_study(study_view(replace(people, rows=rows)))
    lines = [line for found in canvas.axes.collections for line in found.get_segments()]
    assert min(x for line in lines for x, _ in line) == pytest.approx(canvas.left)
    assert max(x for line in lines for x, _ in line) == pytest.approx(canvas.right)


@pytest.mark.parametrize("name", ["row 11", "qwen2_audio_7b_instruct_lora_" * 4, HOSTILE, "W" * 40])
def test_all_text_stays_on_the_sheet_and_apart(name):
    told = judged()
    rows = tuple(replace(row, system=name, judge=name) for row in told.rows)
    with drawing():
        sheets = [
            draw_judge(contests_by_judge(replace(told, rows=rows))),
            draw_study(study_view(studied())),
        ]
        for canvas in sheets:
            texts = [*canvas.axes.texts, *canvas.figure.legends[:1]]
            boxes = [text.get_window_extent() for text in texts]
            paper = canvas.figure.bbox
            assert all(paper.x0 <= box.x0 and box.x1 <= paper.x1 for box in boxes)
            assert all(paper.y0 <= box.y0 and box.y1 <= paper.y1 for box in boxes)
            assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_parts_are_told_apart_without_colour():
    def lightness(look):
        from matplotlib.colors import to_rgb

        return sum(
            weight * part
            for weight, part in zip((0.2126, 0.7152, 0.0722), to_rgb(look.face), strict=True)
        )

    for one, other in combinations(_LOOKS.values(), 2):
        assert one.hatch != other.hatch or abs(lightness(one) - lightness(other)) > 0.3


# Files


def test_a_figure_is_a_column_wide_and_its_lines_are_drawn(figure):
    svg = ElementTree.parse(figure("study")[2]).getroot()
    assert svg.get("width") == f"{72 * WIDTH:g}pt"
    assert not list(svg.iter("{http://www.w3.org/2000/svg}image"))
    pdf = figure("study", ".pdf")[2].read_bytes()
    assert b"/Subtype /Image" not in pdf
    assert b"/Subtype /Type3" not in pdf, "publishers refuse Type 3 fonts"
    assert b"/FontFile2" in pdf


@pytest.mark.slow
def test_the_same_rows_give_the_same_bytes(results):
    """In processes that hash differently, and whatever the user's own settings are."""
    program = (
        "import sys, matplotlib; from pathlib import Path\n"
        "from whyser_eval.output.figures import write_figure\n"
        "matplotlib.rcParams.update({'font.size': float(sys.argv[2]), 'svg.fonttype': 'none'})\n"
        "for which in ('study', 'judge'):\n"
        "    for suffix in ('.svg', '.pdf', '.png'):\n"
        "        write_figure(Path(sys.argv[1]), Path(sys.argv[3], which + suffix), which)\n"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, results, f"{seed}0", results / seed],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
        )
    written = sorted((results / "1").iterdir())
    assert len(written) == 6
    for path in written:
        assert path.read_bytes() == (results / "2" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("suffix", FORMATS)
def test_hostile_names_are_drawn_as_they_stand(results, suffix, capsys):
    told = judged()
    rows = tuple(replace(row, judge=HOSTILE, system=HOSTILE) for row in told.rows)
    write_judged(results / "judge" / "judge.json", replace(told, rows=rows))
    path = results / f"judge{suffix}"
    write_figure(results, path, "judge")
    assert path.stat().st_size > 5_000
    assert "warning: Glyph 9216" in capsys.readouterr().err, "no font here has the sign for NUL"
    if suffix == ".svg":
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert "path" in tags and "script" not in tags


# Bad input


def test_a_figure_of_what_was_never_said_is_refused(whyser_eval, tmp_path):
    for which, command in (("study", "whyser-eval study read"), ("judge", "whyser-eval judge")):
        path = tmp_path / "f.svg"
        status, _, err = whyser_eval("figure", tmp_path, "--which", which, "--output", path)
        assert status == 1
        assert f"{which}.json: no such file. Write it with {command} ... --output " in err
        assert not path.exists()


def test_rows_without_anything_to_draw_are_refused(results, figure):
    write_judged(results / "judge" / "judge.json", judged(rows=()))
    write_studied(results / "study" / "study.json", studied(rows=()))
    assert "contains no verdict to draw" in figure("judge")[1]
    assert "contains no share to draw" in figure("study")[1]


def test_a_suffix_that_tells_no_format_is_refused(figure):
    status, err, path = figure("study", ".jpg")
    assert status == 1
    assert "unknown suffix '.jpg'. Use one of .svg, .pdf, .png." in err
    assert not path.exists()


def test_without_the_library_the_cure_is_told(figure, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, err, path = figure("judge")
    assert status == 1
    assert "pip install 'whyser[figures]'" in err
    assert not path.exists()
