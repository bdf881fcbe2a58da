"""The report as a reader sees it: opened in Chromium, from a file, without a network."""

import json
import re

import numpy as np
import pytest
import soundfile

from whyser.prompting.answer import render_answer
from whyser_eval.explanations.judge.rows import write_judged
from whyser_eval.explanations.study.rows import write_studied

from ...paper import judged, studied

RATIONALE = 'The words "of clip" are said in a low voice, and the pace is fast. It sounds {}.'

HOSTILE = (
    "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
    "<svg onload='window.ran = 3'></svg>\u202e\u2028\x00\x1b[2J<!--<script>{{ 7 * 7 }}"
)


@pytest.fixture
def run(world, score):
    """Two forms and a control of 48 utterances, claims held against a measurement."""
    world.utterances = [world.utterance(number, *found) for number, found in enumerate(_labels(48))]
    world.predictions = [
        world.prediction(
            row["id"],
            render_answer(label, transcript="the words", rationale=RATIONALE.format(label)),
            form=form,
            control=control,
        )
        for form, control in (("open", "none"), ("open", "shuffled"), ("closed", "none"))
        for number, row in enumerate(world.utterances)
        for label in [row["label"] if number % 2 else "neutral"]
    ]
    score()
    tone = 0.1 * np.sin(np.arange(16_000) * 0.2).astype("float32")
    for row in world.utterances:
        soundfile.write(world.folder / "sound files" / row["audio"], tone, 16_000)
    rewrite(world, _measured)
    _add_what_stands_beside(world)
    return world


def _labels(count):
    from whyser.labels.classes import CLASSES

    for number in range(count):
        label = CLASSES[number % 8]
        yield label, [label] * 3 + ["neutral"] * (number % 3)


def _measured(sample):
    number = int(sample["id"].rsplit("_", 1)[1])
    low, fast = sample["rationale"].index("low"), sample["rationale"].index("fast")
    sample["claims"] = [
        {"start": low, "end": low + 3, "family": "pitch", "level": "low", "outcome": "supported"},
        {
            "start": fast,
            "end": fast + 4,
            "family": "rate",
            "level": "high",
            "outcome": "contradicted" if number % 4 == 0 else "not_measurable",
        },
    ]
    sample["probabilities"] = {sample["prediction"]: 0.3 + number / 100}


def _add_what_stands_beside(world):
    """Bands, groundedness, an audit, a comparison, people and judges: every section has its own."""
    rows = json.loads((world.results / "scores.json").read_text())
    own = rows[0] | {"low": 0.25, "high": 0.75}
    rows += [own | {"subset": f"agreement:{band}"} for band in ("all agree", "half or less")]
    rows += [own | {"metric": metric} for metric in ("groundedness", "groundedness_shuffled")]
    rows += [own | {"control": "paraphrased"}]
    (world.results / "scores.json").write_text(json.dumps(rows))
    comparison = {
        "system": "tiny", "against": "base", "form": "open", "subset": "all",
        "metric": "f1_majority", "value": 0.06, "low": 0.01, "high": 0.11, "p": 0.0004,
        "p_holm": 0.0016, "p_bootstrap": 0.001, "smallest": 0.05, "n": 48,
    }  # fmt: skip
    (world.results / "comparisons.json").write_text(json.dumps([comparison]))
    example = {"id": "msp_podcast/clip_1", "text": "so " * 60}
    differently = {"rules": "unread", "llm": "sad", "n": 5, "examples": [example]}
    audit = {
        "systems": [{"model": "tiny", "form": "open", "words": [["glad", "happy", 3]]}],
        "rules_against_llm": {"n": 48, "agreement": 0.9, "disagreements": [differently]},
    }
    (world.results / "audit.json").write_text(json.dumps(audit))
    write_judged(world.results / "judge" / "judge.json", judged())
    write_studied(world.results / "study" / "study.json", studied())


def rewrite(world, change):
    samples = world.samples()
    for sample in samples:
        change(sample)
    world.write_jsonl(world.results / "samples.jsonl", samples)


@pytest.fixture
def opened(chromium, run, report):
    """Opens the run's report; at the end nothing may have been complained of or asked for."""
    heard, contexts = [], []

    def call(*more, address="", width=1280, height=900, **options):
        report(*more, scored=False)
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if _is_far(request) else None)
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.goto((run.results / "report.html").as_uri() + address)
        return page

    yield call
    for context in contexts:
        context.close()
    assert heard == []


def _is_far(request):
    return not request.url.startswith(("file:", "data:"))


def choose(page, **filters):
    for name, value in filters.items():
        page.locator(f"[name={name}]").select_option(value)


def await_shown(page, count, total=48):
    """A link to a part of the page is followed only after its click is over."""
    words = re.compile(f"^{count} of {total} shown$")
    page.locator(".filters output", has_text=words).wait_for()


def await_address(page, ending):
    """The browser tells a new address only after the script that set it."""
    page.wait_for_url(lambda url: url.endswith(ending))


def ids(page):
    return page.locator(".sample .id").all_text_contents()


def numbers(page):
    return [int(one.rsplit("_", 1)[1]) for one in ids(page)]


# Sound

#: Settles when the sound has come further than its begin.
ADVANCES = """(audio) => new Promise((done) => {
  audio.addEventListener("timeupdate", () => audio.currentTime > 0.1 && done(true));
})"""


def test_a_player_plays_and_only_one_at_a_time(opened):
    page = opened()
    players = page.locator("audio")
    assert players.count() == 20
    for player in (players.nth(0), players.nth(1)):
        player.evaluate("(audio) => audio.play()")
        assert player.evaluate(ADVANCES)
    assert players.nth(0).evaluate("(audio) => audio.paused")


def test_an_embedded_sound_plays_too(opened):
    player = opened("--audio", "embed").locator("audio").first
    length = "(audio) => audio.play().then(() => audio.duration)"
    assert player.evaluate(length) == pytest.approx(1, abs=0.1)


def test_a_control_has_no_player(opened):
    page = opened()
    choose(page, control="shuffled")
    await_shown(page, 48)
    assert page.locator("audio").count() == 0


# Filters, order, address


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 48),
        ({"verdict": "right"}, 24),  # the odd ones; every even one is called neutral
        ({"gold": "sad"}, 6),
        ({"gold": "angry", "verdict": "minority"}, 4),  # of 0, 8, ... 40 those with a neutral vote
        ({"predicted": "neutral"}, 30),  # the even ones, and the six that are neutral
        ({"band": "all agree"}, 20),  # every third, and four more whose label is neutral
        ({"claims": "contradicted"}, 12),
        ({"claims": "supported"}, 48),
        ({"form": "closed"}, 48),
    ],
)
def test_filters_filter(opened, filters, count):
    page = opened()
    choose(page, **filters)
    await_shown(page, count)
    assert page.locator(".sample").count() == min(count, 20)


def test_searching_looks_through_ids_words_and_answers(opened):
    page = opened()
    for words, count in (("CLIP 17.", 1), ("clip_4", 9), ("sounds surprise", 6), ("nowhere", 0)):
        page.locator("[name=text]").fill(words)
        await_shown(page, count)
    assert page.locator(".empty").is_visible()
    page.locator("[name=reset]").click()
    await_shown(page, 48)


def test_sorting_sorts(opened):
    page = opened()
    assert numbers(page) == list(range(20))
    choose(page, sort="-confidence")
    assert numbers(page) == list(range(47, 27, -1))
    choose(page, sort="id")
    assert ids(page) == sorted(f"msp_podcast/clip_{number}" for number in range(48))[:20]
    choose(page, sort="grounded")
    assert numbers(page)[:13] == [*range(0, 48, 4), 1]
    choose(page, sort="agreement")
    assert numbers(page)[:3] == [2, 5, 8]


def test_the_address_holds_what_is_seen(opened):
    page = opened()
    choose(page, gold="sad", sort="-length")
    await_address(page, "#gold=sad&sort=-length")
    again = opened(address="#system=tiny&form=closed&control=none&gold=sad&predicted=sad")
    await_shown(again, 6)
    assert again.locator("[name=form]").input_value() == "closed"
    assert again.locator("#samples").bounding_box()["y"] < 100
    strange = opened(address="#gold=nothing&page=NaN&__proto__=1&sort=%3Cb%3E")
    await_shown(strange, 48)


def test_figures_lead_to_their_samples(opened):
    page = opened()
    page.get_by_title("angry read as neutral: 6 of 6").first.click()
    await_shown(page, 6)
    assert page.locator(".sample").first.get_by_text("predicted neutral").is_visible()
    page.locator("#disagreement .total a").nth(1).click()
    await_shown(page, 16)  # of the even ones that are not neutral, those with a neutral vote
    assert page.locator("[name=verdict]").input_value() == "minority"


def test_a_cell_tells_its_count_when_the_keyboard_comes_to_it(opened):
    page = opened()
    cell = page.get_by_title("angry read as neutral: 6 of 6").first
    assert cell.locator(".share").is_visible() and not cell.locator(".count").is_visible()
    cell.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert cell.locator(".count").is_visible() and not cell.locator(".share").is_visible()


# Keys


def test_keys_move_play_search_and_help(opened):
    page = opened()
    chosen = "document.activeElement.closest('.sample')?.getAttribute('aria-label') ?? null"
    for key, number in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate(chosen) == f"msp_podcast/clip_{number}"
    page.keyboard.press(" ")
    assert page.locator("audio").nth(1).evaluate(ADVANCES)
    page.keyboard.press(" ")
    assert page.evaluate("document.querySelectorAll('audio')[1].paused")
    page.keyboard.press("o")
    assert page.locator(".sample details").nth(1).get_attribute("open") is not None
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    page.keyboard.press("/")
    page.keyboard.type("jk?/")
    assert page.locator("[name=text]").input_value() == "jk?/"


def test_moving_on_turns_the_page(opened):
    page = opened()
    for _ in range(21):
        page.keyboard.press("j")
    assert numbers(page)[0] == 20
    await_address(page, "#page=2")
    page.keyboard.press("k")
    assert numbers(page)[-1] == 19
    page.locator("[name=next]").click()
    assert page.locator(".pager span").text_content() == "page 2 of 3"


# Rationales


def test_spans_are_told_by_more_than_colour(opened):
    page = opened()
    sample = page.locator(".sample").first
    marks = {name: sample.locator(f"mark.{name}") for name in ("content", "prediction", "acoustic")}
    assert marks["content"].text_content() == '"of clip"'
    assert marks["prediction"].text_content() == "neutral"
    assert marks["acoustic"].all_text_contents() == [
        "are said in a low✓ voice",
        "the pace is fast✗",
    ]
    assert sample.locator(".claims li").all_text_contents() == [
        "✓ pitch low supported",
        "✗ rate high contradicted",
    ]
    lines = {
        mark.first.evaluate("(mark) => getComputedStyle(mark).borderBottomStyle")
        for mark in marks.values()
    }
    assert lines == {"dotted", "solid", "dashed"}


# Hostile answers


def test_nothing_hostile_runs(opened, run):
    def change(sample):
        sample["text"] = sample["rationale"] = sample["word"] = HOSTILE
        sample["transcript"] = sample["reference_transcript"] = HOSTILE
        sample["speaker"] = sample["corpus"] = HOSTILE
        sample["claims"] = []

    rewrite(run, change)
    page = opened()
    page.locator(".sample summary").first.click()
    assert page.evaluate("window.ran ?? null") is None
    assert page.locator(".sample img, .sample script, .sample svg:not(.bar)").count() == 0
    shown = page.locator(".sample .raw").first.text_content()
    assert shown.startswith("</script><script>window.ran = 1</script><img")
    assert "⟨U+202E⟩⟨U+2028⟩␀␛[2J<!--<script>{{ 7 * 7 }}" in shown


def test_nothing_hostile_runs_in_what_people_and_judges_said(opened, run):
    for name in ("judge/judge.json", "study/study.json"):
        path = run.results / name
        for word in ("row 11", "Q2A+CoT", "gemini-2.0-flash", "rater 1", "an outlier", "rubric|"):
            path.write_text(path.read_text().replace(json.dumps(word), json.dumps(HOSTILE)))
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("window.ran ?? null") is None
    sections = page.locator("#study, #judge")
    assert sections.locator("img, script, svg:not(.share-bar, .verdict-bar, .swatch)").count() == 0
    assert "</script><script>window.ran = 1</script>" in sections.nth(1).text_content()


# What people and judges said


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_of_people_and_judges_are_seen_whole(opened, width, scheme):
    """Also on a phone, and nobody has to scroll for the figures themselves."""
    page = opened(width=width, height=800, color_scheme=scheme)
    for bars, count in (("#study tbody .share-bar", 8), ("#judge .contests .verdict-bar", 4)):
        boxes = [bar.bounding_box() for bar in page.locator(bars).all()]
        assert len(boxes) == count
        assert all(box["width"] >= 96 and box["x"] + box["width"] <= width for box in boxes)
    digits = page.locator("#judge .contests strong").first.bounding_box()
    assert digits["x"] + digits["width"] <= width


def test_parts_of_a_bar_lie_where_their_shares_do(opened):
    page = opened()
    bar = page.locator("#judge .verdict-bar").first.bounding_box()
    parts = [
        one.bounding_box()
        for one in page.locator("#judge .verdict-bar").first.locator("rect").all()
    ]
    assert [part["width"] / bar["width"] for part in parts] == pytest.approx(
        [521 / 600, 20 / 600, 49 / 600, 10 / 600], abs=0.005
    )


def test_patterns_carry_what_colours_do(opened):
    fill = "(one) => getComputedStyle(one).fill"
    parts = opened().locator("#judge .verdict-bar").first.locator("rect").all()
    fills = [part.evaluate(fill) for part in parts]
    assert len(set(fills)) == 4
    assert [found for found in fills if "url" in found] == ['url("#hatch")', 'url("#lines")']


def test_the_figures_are_tables_to_who_cannot_see_them(opened):
    page = opened()
    page.locator("#judge").wait_for()
    table = page.get_by_role("table").filter(has_text="win + tie/2").first
    heads = table.get_by_role("columnheader").all_text_contents()
    assert [head.strip() for head in heads] == ["win", "tie", "loss", "unread", "win + tie/2"]
    names = table.get_by_role("rowheader").all_text_contents()
    assert [" ".join(name.split()) for name in names] == [
        "row 11 against Q2A+CoT 600 pairs",
        "row 11 against Q2.5O+CoT 600 pairs",
    ]
    assert page.get_by_role("rowheader", name="mismatch").first.is_visible()


def test_answers_of_a_megabyte_leave_the_page_quick_and_whole(opened, run):
    rewrite(run, lambda sample: sample.update(text="w" * 1_000_000, rationale="<p>" * 300_000))
    page = opened(width=360, height=800)
    await_shown(page, 48)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_policy_stops_what_would_have_come_through(chromium, run, report):
    """The second wall: markup that did come into the page neither runs nor asks anyone."""
    report(scored=False)
    path = run.results / "report.html"
    evil = (
        "<img src='http://127.0.0.1:9/x' onerror='window.ran = 1'><script>window.ran = 2</script>"
    )
    path.write_text(path.read_text("utf-8").replace("<main>", f"<main>{evil}"), "utf-8")
    page = chromium.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert page.evaluate("window.ran ?? null") is None
    assert len([text for text in complaints if "Content Security Policy" in text]) >= 2
    page.close()


# Screens, light and dark, paper


@pytest.mark.parametrize("width", [360, 390, 768])
def test_nothing_scrolls_sideways(opened, run, width):
    for name in ("scores.json", "samples.jsonl", "comparisons.json", "audit.json"):
        path = run.results / name
        path.write_text(path.read_text().replace('"tiny"', f'"{"qwen2_audio_" * 8}"'))
    for name in ("judge/judge.json", "study/study.json"):
        path = run.results / name
        for short in ("row 11", "Q2A+CoT", "gemini-2.0-flash", "rater 1", "an outlier"):
            path.write_text(path.read_text().replace(f'"{short}"', f'"{"qwen2_audio_" * 8}"'))
    page = opened(width=width, height=800)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".sample").first.bounding_box()["width"] <= width


#: Every text of the page: contrast of its colour against the first opaque ground behind it.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const painted = (...colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (one) =>
    one ? [...grounds(one.parentElement), getComputedStyle(one).backgroundColor] : ["white"];
  const passed = "script, style, option, .hidden, :disabled";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode, one = text.parentElement;
    if (!text.data.trim() || !one.checkVisibility() || one.closest(passed)) continue;
    const ground = grounds(one), colour = getComputedStyle(one).color;
    const [a, b] = [light(painted(...ground)), light(painted(...ground, colour))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([contrast, text.data.trim().slice(0, 40), one.className]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(opened, scheme):
    page = opened(color_scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 300
    assert [one for one in found if one[0] < 4.5] == []


def test_the_theme_is_the_systems_until_one_is_chosen(opened):
    page = opened(color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.locator(".theme").click()
    assert page.locator(".theme").text_content() == "theme: light"
    light = page.evaluate(paper)
    assert sum(map(int, re.findall(r"\d+", light))) > sum(map(int, re.findall(r"\d+", dark)))
    page.locator(".theme").click()
    assert page.evaluate(paper) == dark


def test_paper_is_light_and_without_controls(opened):
    page = opened(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert not page.locator(".filters").is_visible()
    assert page.locator(".sample").first.is_visible()


def test_nothing_moves_by_itself(opened):
    """So there is nothing to reduce for who asked for less motion."""
    page = opened()
    page.locator(".theme").click()
    choose(page, gold="sad")
    assert page.evaluate("document.getAnimations().length") == 0
    moving = """[...document.querySelectorAll("*")].map((one) => getComputedStyle(one)).filter(
      (style) => style.scrollBehavior !== "auto" || style.transitionDuration !== "0s").length"""
    assert page.evaluate(moving) == 0


def test_without_scripts_the_figures_stand_and_the_samples_say_why_not(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("#scores .value").first.is_visible()
    assert page.get_by_text("The samples need JavaScript").is_visible()
    assert not page.locator(".filters").is_visible()


def test_everything_that_acts_has_a_name(opened):
    """As the browser tells assistive technology."""
    page = opened()
    unnamed = """() => [...document.querySelectorAll("button, select, input, audio, a, [role]")]
      .filter((one) => one.checkVisibility() && !(one.labels?.length || one.ariaLabel
        || one.getAttribute("aria-labelledby") || one.textContent.trim()))
      .map((one) => one.outerHTML)"""
    assert page.evaluate(unnamed) == []
    landmarks = ["main", "nav", "header", "footer", "section[aria-labelledby]"]
    assert all(page.locator(one).count() for one in landmarks)


def test_thousands_of_samples_are_filtered(chromium, run, report):
    """benchmarks/report.py measures how soon."""
    samples = [one for one in run.samples() if one["control"] == "none"]
    with (run.results / "samples.jsonl").open("w", encoding="utf-8") as stream:
        for form in ("open", "closed"):
            for number in range(2_000):
                row = samples[number % 48] | {"id": f"msp_podcast/clip_{number}", "form": form}
                stream.write(json.dumps(row) + "\n")
    report("--max-samples", "2000", scored=False)
    page = chromium.new_page()
    page.goto((run.results / "report.html").as_uri())
    await_shown(page, 2000, 2000)
    page.locator("[name=text]").fill("clip_1999")
    await_shown(page, 1, 2000)
    page.close()
