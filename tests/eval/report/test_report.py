"""The report: one file, no network, hostile text stays text, players find their sound."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from whyser.answer import render_answer

HOSTILE = (
    "<asr></div><script>alert(1)</script></asr><answer>I think the emotion is sad</answer>"
    '<reason>"><img src=x onerror=alert(2)> {{ 7 * 7 }} \u202egnp.exe\x07</reason>'
)


class Page(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def report(world, whyser_eval):
    def write(*more):
        assert whyser_eval(*world.score_arguments())[0] == 0
        status, _, err = whyser_eval("report", world.results, *more)
        assert status == 0, err
        return (world.results / "report.html").read_text(encoding="utf-8")

    return write


def test_a_player_links_to_the_sound_beside_the_report(world, report):
    page = Page(report())
    sources = [audio["src"] for audio in page.named("audio")]
    assert len(sources) == 16
    assert sources[0] == "../sound%20files/clip%200.wav"
    assert all((world.results / unquote(source)).is_file() for source in sources)


def test_embedded_sound_needs_no_file(report):
    sources = [audio["src"] for audio in Page(report("--audio", "embed")).named("audio")]
    assert len(sources) == 16
    assert all(re.match(r"data:audio/(mpeg|wav);base64,[A-Za-z0-9+/=]+$", url) for url in sources)


def test_without_sound_there_is_no_player(report):
    assert Page(report("--audio", "none")).named("audio") == []


def test_controls_have_no_player(world, report):
    world.predictions += [
        world.prediction(row["id"], render_answer("sad"), control="shuffled")
        for row in world.utterances
    ]
    page = Page(report())
    assert len(page.named("article")) == 32
    assert len(page.named("audio")) == 16


def test_a_sound_that_is_gone_leaves_no_player(world, report, whyser_eval):
    report()
    (world.folder / "sound files" / "clip 0.wav").unlink()
    assert whyser_eval("report", world.results)[0] == 0
    text = (world.results / "report.html").read_text(encoding="utf-8")
    assert len(Page(text).named("audio")) == 15


def test_hostile_text_stays_text(world, report):
    world.utterances[0]["transcript"] = "<b onmouseover=alert(3)>hello</b>"
    for row in world.predictions:
        row["text"] = HOSTILE
        row["model"] = "<script>alert(4)</script>"
    text = report()
    page = Page(text)
    assert len(page.named("script")) == 1
    assert page.named("img") == page.named("b") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7 * 7 }}" in text
    assert "\x07" not in text


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
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)
    # The policy names style and script by hash, so attributes must not style.
    assert not [attributes for _, attributes in page.tags if "style" in attributes]


def test_verdicts_tell_right_minority_wrong_unread(world, report):
    texts = ["sad", "neutral", "fear", "nothing to say"]
    for row, text in zip(world.predictions, texts, strict=False):
        row["text"] = text
    for row in world.utterances[:4]:
        row["label"] = "sad"
        row["votes"][0]["primary"] = row["votes"][1]["primary"] = "sad"
        row["votes"][2]["primary"] = "sad"
    verdicts = [found["data-verdict"] for found in Page(report()).named("article")[:4]]
    assert verdicts == ["right", "minority", "wrong", "unread"]


def test_more_samples_than_asked_for_are_drawn_by_seed(report):
    text = report("--max-samples", "5")
    assert len(Page(text).named("article")) == 5
    assert "5 of 16 utterances" in text
    ids = re.findall(r'class="id"><bdi>([^<]+)', text)
    assert ids == re.findall(r'class="id"><bdi>([^<]+)', report("--max-samples", "5"))


def test_very_long_answers_are_cut_with_a_count(world, report):
    world.predictions[0]["text"] = "a" * 1_000_000
    text = report()
    assert "… and 996,000 more characters" in text
    assert len(text) < 300_000


def test_the_report_goes_where_it_is_told(world, report, whyser_eval, tmp_path):
    report()
    target = tmp_path / "else where" / "r.html"
    assert whyser_eval("report", world.results, "--output", target)[0] == 0
    sources = [audio["src"] for audio in Page(target.read_text(encoding="utf-8")).named("audio")]
    assert all((target.parent / unquote(source)).is_file() for source in sources)


@pytest.mark.parametrize("name", ["scores.json", "samples.jsonl", "provenance.json"])
def test_a_folder_that_score_did_not_write_is_refused(world, whyser_eval, name):
    assert whyser_eval(*world.score_arguments())[0] == 0
    (world.results / name).unlink()
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert f"{name}: no such file. Give a folder that whyser-eval score wrote" in err
    assert not (world.results / "report.html").exists()


def test_foreign_content_is_refused(world, whyser_eval):
    assert whyser_eval(*world.score_arguments())[0] == 0
    (world.results / "scores.json").write_text('[{"f1": 1}]')
    status, _, err = whyser_eval("report", world.results)
    assert status == 1
    assert "is not of a scored run of this version" in err
