"""The study as a rater sees it: opened in Chromium, from a file, without a network."""

import json
import random

import pytest

from whyser_eval.explanations.study.files import RaterFile
from whyser_eval.explanations.study.material import digest, in_order, is_swapped, mix

from .making import Studio, material

HOSTILE = (
    "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
    "<svg onload='window.ran = 3'></svg>\u202e\u2028\x00\x1b[2J<!--<script>{{ 7 * 7 }}"
    "\U000e0041\u3164"
)


@pytest.fixture
def studio(world, whyser_eval):
    made = Studio(world, whyser_eval, count=32)
    made.score()
    return made


@pytest.fixture
def study(studio):
    """Four items to accept and two to prefer; `studio` is already scored."""

    def call(*more, accept=4, prefer=2):
        references = studio.write_references()
        status, err = studio.make(
            "--accept", accept, "--prefer", prefer, "--references", references, *more
        )
        assert status == 0, err
        return studio.output / "index.html"

    return call


class Rater:
    """A person before the page."""

    def __init__(self, page):
        self.page = page

    def begin(self, code="anna"):
        self.page.locator("[name=agreed]").check()
        self.page.locator("[name=rater]").fill(code)
        self.page.locator("form button").click()

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def reload(self):
        # The browser takes over what a page stores by and by, and nobody reloads within that time.
        self.page.wait_for_timeout(1_000)
        self.page.reload()
        # On a busy machine the end of the earlier page's loading may arrive late, and count as that
        # of this one, whose scripts have not run yet.
        self.page.wait_for_function("document.readyState === 'complete'")

    @property
    def kept(self):
        """Where the page is and what the browser keeps for it, for the message of a failure."""
        return self.page.evaluate("[location.href, {...sessionStorage}, {...localStorage}]")

    @property
    def heading(self):
        return self.page.locator("main > section:visible h2").text_content()

    @property
    def done(self):
        return self.page.locator("#done").text_content()

    @property
    def said(self):
        return self.page.locator("#status").text_content()

    def listen(self):
        self.press("p")
        self.page.locator("#hint", has_text="again").wait_for()

    def answer(self, *keys):
        for key in keys:
            self.listen()
            self.press(key, "Enter")

    def chosen(self):
        return self.page.locator(".choice[aria-pressed=true]").all_text_contents()

    def download(self, folder=None):
        button = self.page.locator(".download:visible").first
        with self.page.expect_download() as coming:
            button.click()
        if folder:
            coming.value.save_as(folder / coming.value.suggested_filename)
        text = coming.value.path().read_text(encoding="utf-8")
        return coming.value.suggested_filename, RaterFile.model_validate_json(text)

    def download_from_footer(self):
        self.page.locator("footer summary").last.click()
        return self.download()[1]


@pytest.fixture
def browser(chromium):
    """Opens pages as one person's browser does: all of them share what it keeps.

    At the end nothing may have been complained of or asked for.
    """
    heard, contexts = [], []

    def new(width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)

        def opened(path, address="", before=None):
            page = context.new_page()
            page.on("console", lambda message: heard.append(message.text))
            page.on("pageerror", lambda error: heard.append(str(error)))
            page.on("request", lambda r: None if _is_near(r) else heard.append(r.url))
            if before:
                page.add_init_script(before)
            page.goto(path.as_uri() + address)
            return Rater(page)

        return opened

    yield new
    for context in contexts:
        context.close()
    assert heard == []


def _is_near(request):
    return request.url.startswith(("file:", "blob:"))


@pytest.fixture
def rater(browser, study):
    return browser()(study())


# From consent to download


def test_from_consent_to_download_with_a_reload_in_the_middle(rater, studio):
    rater.begin(code="anna b")
    assert rater.heading == "Part 1: Accept or reject"
    rater.press("Enter")
    rater.answer("1", "r")
    assert (rater.heading, rater.done) == ("Part 1, item 3 of 4", "2 of 6 answered")

    rater.reload()
    assert (rater.heading, rater.done) == ("Part 1, item 3 of 4", "2 of 6 answered")
    rater.press("ArrowLeft")
    assert rater.chosen() == ["Reject2"]
    rater.press("ArrowRight")
    rater.answer("a", "2")
    assert rater.heading == "Part 2: Which of two"
    rater.press("n")
    rater.answer("b", "1")
    assert rater.heading == "The end"

    name, file = rater.download()
    study = studio.key.study
    assert name == f"{study}-anna_b.json"
    assert file.is_unchanged and file.complete
    assert (file.study, file.rater) == (study, "anna b")
    names = {test: [one.item for one in studio.key.of(test)] for test in ("accept", "prefer")}
    assert [one.item for one in file.answers] == [
        *in_order(study, "anna b", names["accept"]),
        *in_order(study, "anna b", names["prefer"]),
    ]
    assert [one.place for one in file.answers] == [0, 1, 2, 3, 0, 1]
    accepted, preferred = file.answers[:4], file.answers[4:]
    assert [one.choice for one in accepted] == ["accept", "reject", "accept", "reject"]
    assert not any(one.swapped for one in accepted)
    assert [one.swapped for one in preferred] == [
        is_swapped(study, "anna b", one.item) for one in preferred
    ]
    # Of the first pair B was preferred, of the second A.
    b, a = preferred
    assert b.choice == ("first" if b.swapped else "second")
    assert a.choice == ("second" if a.swapped else "first")
    assert all(one.plays == 1 and one.milliseconds >= 250 for one in file.answers)


def test_study_read_takes_the_files(browser, study, studio, whyser_eval, tmp_path):
    path = study()
    for code, keys in (("anna", "aaaaab"), ("bob", "rrraba"), ("cleo", "araabb")):
        rater = browser()(path, f"?rater={code}")
        rater.begin(code)
        rater.press("Enter")
        rater.answer(*keys[:4])
        rater.press("Enter")
        rater.answer(*keys[4:])
        assert rater.download(tmp_path / "answers")[1].complete
    status, _, err = whyser_eval(
        "study", "read", tmp_path / "answers", "--key", f"{studio.output}.key.json",
        "--output", tmp_path / "read", "--draws", 100,
    )  # fmt: skip
    assert status == 0, err
    told = json.loads((tmp_path / "read" / "study.json").read_text())
    rates = {row["metric"]: row for row in told["rows"] if row["subset"] == "all"}
    # Of twelve answers 4, 1 and 3 accept.
    assert rates["acceptance_rate"]["value"] == pytest.approx(8 / 12)
    assert (rates["acceptance_rate"]["n"], rates["preference_rate"]["n"]) == (12, 6)
    assert not told["left_out"]


def test_what_is_shown_is_what_the_key_tells_of(rater, studio):
    """Text, label, clip and side of every item, for a rater who just looks."""
    items = {item["item"]: item for item in material(studio.page)["items"]}
    study = studio.key.study
    rater.begin()
    rater.press("Enter")
    for name in in_order(study, "anna", [one.item for one in studio.key.of("accept")]):
        assert rater.page.locator(".text").text_content() == items[name]["candidates"][0]["text"]
        assert rater.page.locator("#clip").get_attribute("src") == items[name]["audio"]
        rater.press("Enter")
    rater.press("Enter")
    for name in in_order(study, "anna", [one.item for one in studio.key.of("prefer")]):
        shown = items[name]["candidates"]
        if is_swapped(study, "anna", name):
            shown = shown[::-1]
        assert rater.page.locator(".text").all_text_contents() == [one["text"] for one in shown]
        assert rater.page.locator(".label strong").all_text_contents() == [
            one["label"] for one in shown
        ]
        rater.press("Enter")
    assert rater.heading == "The end"


def test_an_unfinished_file_says_so(rater):
    rater.begin()
    rater.press("Enter")
    rater.answer("a")
    for _ in range(6):
        rater.press("Enter")
    assert rater.heading == "The end"
    assert "5 items have no answer yet" in rater.page.locator("#incomplete").text_content()
    name, file = rater.download()
    assert name.endswith("-anna-unfinished.json")
    assert file.is_unchanged and not file.complete and len(file.answers) == 1
    assert json.loads(rater.page.locator(".copy").input_value())["check"] == file.check
    rater.page.locator("#first-open").click()
    assert rater.heading == "Part 1, item 2 of 4"


def test_consent_and_code_come_first(rater):
    button = rater.page.locator("form button")
    rater.page.locator("[name=rater]").fill("anna")
    button.click()
    assert rater.heading == "Before you begin"
    rater.page.locator("[name=agreed]").check()
    rater.page.locator("[name=rater]").fill("  ")
    button.click()
    assert rater.heading == "Before you begin"
    rater.press("Enter", "a", "n")
    assert rater.heading == "Before you begin"


def test_the_address_may_bring_the_code(browser, study):
    rater = browser()(study(), "?rater=R%C3%A9my%0A7")
    assert rater.page.locator("[name=rater]").input_value() == "Rémy7"
    rater.page.locator("[name=agreed]").check()
    rater.page.locator("form button").click()
    assert rater.download_from_footer().rater == "Rémy7"


def test_a_code_of_any_length_and_script_makes_a_file_that_is_read(browser, study):
    code = "汉🎧é/" * 30
    rater = browser()(study(), f"?rater={code}")
    rater.page.locator("[name=agreed]").check()
    rater.page.locator("form button").click()
    rater.press("Enter")
    rater.answer("a")
    file = rater.download_from_footer()
    assert file.rater == code[:64] and file.is_unchanged
    assert file.answers[0].item == in_order(file.study, file.rater, ["a01", "a02", "a03", "a04"])[0]


def test_two_raters_see_two_orders(browser, study):
    path = study(accept=16)
    texts = []
    for code in ("anna", "bob"):
        rater = browser()(path)
        rater.begin(code)
        rater.press("Enter")
        texts.append([])
        for _ in range(16):
            texts[-1].append(rater.page.locator(".text").text_content())
            rater.press("Enter")
    assert texts[0] != texts[1] and sorted(texts[0]) == sorted(texts[1])


# Listening


def test_nothing_is_chosen_before_the_clip_was_heard(rater):
    rater.begin()
    rater.press("Enter", "a")
    assert rater.chosen() == []
    assert rater.said == "Listen to the whole clip first. Then you can choose."
    button = rater.page.locator(".choice").first
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)
    assert rater.chosen() == [] and rater.done == "0 of 6 answered"
    rater.listen()
    button.click()
    assert rater.chosen() == ["Accept1"]


def test_plays_are_counted_from_the_start_of_the_clip(rater):
    rater.begin()
    rater.press("Enter")
    rater.listen()
    rater.press(" ")
    rater.page.locator("#clip").evaluate(
        "(audio) => new Promise((done) => { audio.onended = done; if (audio.ended) done(); })"
    )
    rater.press("a")
    assert rater.download_from_footer().answers[0].plays == 2


def test_a_clip_that_cannot_be_played_is_told(browser, study, studio):
    path = study()
    for clip in (studio.output / "audio").iterdir():
        clip.write_bytes(b"no sound")
    rater = browser()(path)
    rater.begin()
    rater.press("Enter")
    rater.page.locator("#hint", has_text="cannot be played").wait_for()
    rater.press("p", "Enter")
    assert rater.heading == "Part 1, item 2 of 4"


def test_a_headset_plays_nothing_that_is_not_on_the_screen(rater):
    rater.begin()
    for _ in range(8):
        rater.press("n")
    assert rater.heading == "The end"
    assert rater.page.locator("#clip").get_attribute("src") is None
    rater.press("ArrowLeft")
    rater.listen()


# What the browser keeps


def test_a_second_tab_loses_nothing(browser, study):
    path, opened = study(), browser()
    one = opened(path)
    one.begin()
    two = opened(path)
    two.begin()
    one.press("Enter")
    one.answer("a")
    two.page.locator("#done", has_text="1 of 6").wait_for()
    assert two.said == "Answers from another tab were taken over."
    two.page.bring_to_front()
    two.press("ArrowLeft", "Enter", "Enter")
    two.answer("r")
    one.page.locator("#done", has_text="2 of 6").wait_for()
    assert [one.choice for one in one.download_from_footer().answers] == ["accept", "reject"]
    assert one.page.evaluate("progress.session") == two.page.evaluate("progress.session")


def test_one_browser_keeps_each_rater_apart(browser, study):
    path, opened = study(), browser()
    one = opened(path)
    one.begin("anna")
    one.press("Enter")
    one.answer("a")
    two = opened(path)
    two.begin("bob")
    assert two.done == "0 of 6 answered"
    again = opened(path, "?rater=anna")
    assert again.heading == "Before you begin"
    again.begin("anna")
    assert (again.heading, again.done) == ("Part 1, item 2 of 4", "1 of 6 answered")
    assert again.page.evaluate("progress.session") != two.page.evaluate("progress.session")


@pytest.mark.parametrize("address", ["", "?rater=anna"])
def test_another_rater_at_the_same_computer(browser, study, address):
    rater = browser()(study(), address)
    rater.begin("anna")
    rater.press("Enter")
    rater.answer("a")
    rater.page.locator("footer summary").last.click()
    assert rater.page.locator("#code").text_content() == "anna"
    rater.page.locator("#leave").click()
    assert rater.heading == "Before you begin"
    assert rater.page.locator("[name=rater]").input_value() == ""
    rater.begin("bob")
    assert rater.done == "0 of 6 answered"
    rater.reload()
    assert rater.page.locator("#code").text_content() == "bob", rater.kept


@pytest.mark.parametrize(
    "before",
    [
        "for (const name of ['localStorage', 'sessionStorage']) "
        "Object.defineProperty(window, name, { get() { throw new Error('denied'); } });",
        "Storage.prototype.setItem = () => { throw new Error('full'); };",
    ],
    ids=["missing", "full"],
)
def test_a_browser_that_keeps_nothing_is_told_of_and_works(browser, study, before):
    rater = browser()(study(), before=before)
    assert not rater.page.locator("#unkept").is_visible()
    rater.begin()
    assert "This browser keeps nothing" in rater.page.locator("#unkept").text_content()
    assert rater.page.locator("#unkept").is_visible()
    rater.press("Enter")
    rater.answer("a", "r")
    assert rater.done == "2 of 6 answered"
    assert [one.choice for one in rater.download_from_footer().answers] == ["accept", "reject"]


def test_a_store_that_fills_up_later_loses_nothing(rater):
    rater.begin()
    rater.press("Enter")
    rater.answer("a")
    rater.page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    rater.answer("r", "a")
    assert rater.page.locator("#unkept").is_visible()
    assert [one.choice for one in rater.download_from_footer().answers] == [
        "accept",
        "reject",
        "accept",
    ]


# For everyone


def test_by_keyboard_alone(browser, study):
    rater = browser()(study(accept=2, prefer=1), "?rater=anna")
    rater.press("Tab", " ", "Tab", "Tab", "Enter", "Enter")
    assert rater.page.evaluate("document.activeElement.textContent") == "Part 1, item 1 of 2"
    for key in ("r", "a"):
        rater.press(" ")
        rater.page.locator("#hint", has_text="again").wait_for()
        rater.press(key, "Enter")
    rater.press("Backspace")
    assert rater.chosen() == ["Accept1"]
    rater.press("2", "Enter", "Enter")
    rater.listen()
    # A button has Space and Enter for itself.
    rater.page.locator(".choice").first.focus()
    rater.press("Enter")
    assert rater.chosen() == ["Prefer A1"]
    rater.press("n")
    assert rater.heading == "The end"
    rater.press("Tab")
    with rater.page.expect_download() as coming:
        rater.press("Enter")
    file = RaterFile.model_validate_json(coming.value.path().read_text(encoding="utf-8"))
    assert [one.choice for one in file.answers[:2]] == ["reject", "reject"] and file.complete


def test_keys_can_be_switched_off(rater):
    """As WCAG 2.1.4 asks for: a word that is spoken to the computer is a row of keys."""
    rater.begin()
    rater.press("Enter")
    rater.listen()
    switch = rater.page.locator("#keys")
    rater.page.locator("footer summary").first.click()
    switch.uncheck()
    for again in (False, True):
        if again:
            rater.reload()
            rater.page.locator("#hint", has_text="again").wait_for()
        rater.page.locator("h2:visible").focus()
        rater.press("a", "1", "n", "ArrowRight", "Enter")
        assert (rater.heading, rater.chosen()) == ("Part 1, item 1 of 4", [])
    rater.page.locator(".choice").first.focus()
    rater.press("Enter")
    assert rater.chosen() == ["Accept1"]
    rater.page.locator("footer summary").first.click()
    switch.check()
    rater.page.locator("h2:visible").focus()
    rater.press("r", "n")
    assert (rater.heading, rater.done) == ("Part 1, item 2 of 4", "1 of 6 answered")


def test_a_screen_reader_finds_its_way(rater):
    page = rater.page
    rater.begin()
    rater.press("Enter")
    tree = page.locator("body").aria_snapshot()
    for line in (
        "banner:",
        "main:",
        "contentinfo:",
        'navigation "Items"',
        'heading "Part 1, item 1 of 4" [level=2]',
        'progressbar "0 of 6 answered"',
        'article "Explanation"',
        'group "Is this explanation plausible for the voice?"',
        'button "Accept" [disabled]',
    ):
        assert line in tree, f"{line}\n{tree}"
    rater.listen()
    rater.press("a")
    assert 'button "Accept" [pressed]' in page.locator("body").aria_snapshot()
    assert rater.said == "Accept: chosen."
    # Not by colour alone.
    tick = page.locator("[aria-pressed=true] .tick")
    assert "✓" in tick.evaluate("(tick) => getComputedStyle(tick, '::before').content")


def test_a_phone_has_room_for_it(browser, study):
    rater = browser(width=360, height=740, has_touch=True)(study())
    rater.begin()
    for step in range(9):
        assert rater.page.evaluate("document.documentElement.scrollWidth") <= 360
        for one in rater.page.locator("button:visible").all():
            assert one.bounding_box()["height"] >= 44, (step, one.text_content())
        # What is to be chosen stands before what leads on, and nothing covers it.
        choices = [one.bounding_box() for one in rater.page.locator(".choice:visible").all()]
        onward = rater.page.locator("nav").bounding_box()["y"]
        assert all(one["y"] + one["height"] <= onward for one in choices)
        rater.press("n")


def _contrast(page, selector):
    """WCAG's ratio of a text and the ground that it stands on."""
    return page.locator(selector).first.evaluate("""(element) => {
      const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
      const light = (colour) => {
        canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((one) => one / 255)
          .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      let ground = element;
      const under = (one) => getComputedStyle(one).backgroundColor;
      while (under(ground) === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
      const both = [getComputedStyle(element).color, under(ground)].map(light);
      return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_both_readable(browser, study, scheme):
    rater = browser(color_scheme=scheme)(study())
    rater.begin()
    rater.press("Enter")
    for selector in ("h1", "h2:visible", ".text", ".label strong", ".label span", "#hint"):
        assert _contrast(rater.page, selector) >= 4.5, selector
    rater.listen()
    rater.press("a")
    for selector in ("[aria-pressed=true]", "[aria-pressed=false]", "#next", "#status"):
        assert _contrast(rater.page, selector) >= 4.5, selector


# Hostile explanations


def test_nothing_hostile_runs(browser, studio, study, tmp_path):
    studio.answer(lambda number, label: HOSTILE + "x" * (number % 3))
    studio.score()
    consent = tmp_path / "consent.txt"
    consent.write_text(HOSTILE.replace("\x00", ""), encoding="utf-8")
    rater = browser()(study("--title", HOSTILE.replace("\x00", ""), "--consent", consent))
    rater.begin()
    rater.press("Enter")
    assert rater.page.evaluate("window.ran ?? null") is None
    assert rater.page.locator("main img, main script, main svg").count() == 0
    shown = rater.page.locator(".text").text_content()
    # Plain tags tell a format and are gone; what is left of the others is text.
    assert shown.startswith("window.ran = 1 <img src=x onerror='window.ran = 2'>")
    assert "⟨U+202E⟩ ␀␛[2J<!-- {{ 7 * 7 }}⟨U+E0041⟩⟨U+3164⟩" in shown
    rater.answer("a")
    assert rater.done == "1 of 6 answered"


def test_a_megabyte_of_explanation_is_cut_and_fits(browser, studio, study):
    studio.answer(lambda number, label: "so" * 500_000)
    studio.score()
    path = study()
    assert path.stat().st_size < 200_000
    rater = browser(width=360, height=740)(path)
    rater.begin()
    rater.press("Enter")
    assert rater.page.locator(".text").text_content().endswith("and 996,000 more characters")
    assert rater.page.evaluate("document.documentElement.scrollWidth") <= 360


# One order in two languages


def test_the_page_mixes_orders_and_digests_as_python_does(rater):
    generator = random.Random(7)
    alphabet = "abc/019 äßéøÆ汉字かな🎧👩🚀\x00\n\u2028\u202e\ud800"
    texts = ["".join(generator.choices(alphabet, k=generator.randrange(40))) for _ in range(2_000)]
    # As escapes: half a character would not survive the way into the browser.
    sent = json.dumps(texts)
    assert rater.page.evaluate("(sent) => JSON.parse(sent).map(mix)", sent) == [
        mix(text) for text in texts
    ]
    names = [f"a{number:02}" for number in range(1, 65)]
    for code in texts[:200]:
        got = rater.page.evaluate(
            "([code, names]) => [inOrder('6596faef', JSON.parse(code), names), "
            "names.map((name) => isSwapped('6596faef', JSON.parse(code), name)), "
            "digest([JSON.parse(code), ...names])]",
            [json.dumps(code), names],
        )
        assert got == [
            in_order("6596faef", code, names),
            [is_swapped("6596faef", code, name) for name in names],
            digest([code, *names]),
        ]
