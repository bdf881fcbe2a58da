"""The page for one's own voice as a person uses it: in Chromium, whose microphone is a file."""

import threading

import pytest
import soundfile

from whyser_eval.asking.listen.server import Listening, ListenServer
from whyser_eval.asking.references import population

from .conftest import RATE, FakeSystem, voiced

#: Seconds of the fake microphone, which then is silent.
SPOKEN = 4.0


@pytest.fixture(scope="module")
def microphone(tmp_path_factory):
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    soundfile.write(path, voiced(hertz=200.0, seconds=SPOKEN), RATE)
    return path


@pytest.fixture(scope="module")
def chromium_arguments(microphone):
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]


@pytest.fixture
def server():
    found = ListenServer(Listening(FakeSystem(), lambda gender: [population(gender)]))
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def opened(chromium, server):
    """Opens the page; at the end nothing may have been complained of or asked for elsewhere."""
    heard, contexts = [], []

    def call(width=1280, height=900, permissions=("microphone",), **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.grant_permissions(list(permissions), origin=server.url)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if _is_far(request) else None)
        page.goto(server.url)
        return page

    def _is_far(request):
        return not request.url.startswith((server.url, f"blob:{server.url}"))

    yield call
    for context in contexts:
        context.close()
    assert heard == []


def focused(page):
    return page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
    )


def eventually(page, condition):
    """Waits for it up to 10 s; the page's policy forbids playwright's own way."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("it did not come to be")


def test_a_recording_is_played_drawn_and_answered_by_the_keyboard_alone(opened, server):
    page = opened()
    # Past the link to the answers and the theme.
    for _ in range(3):
        page.keyboard.press("Tab")
    assert focused(page) == "Record"
    page.keyboard.press("Enter")
    page.wait_for_selector(".record[aria-pressed=true]")
    assert "Press the button again to stop" in page.inner_text("[role=status]")
    page.wait_for_timeout(1500)
    # The fake microphone is loud enough for the meter to show it.
    eventually(page, lambda: page.evaluate("document.querySelector('.meter').value") > 0.1)
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer")
    assert page.inner_text("[role=status]") == "The answer is angry."
    # The answer has the focus, so that a screen reader reads it.
    assert focused(page) == "answer about recording"
    (samples,) = server.listening.system.heard
    assert 1.0 < len(samples) / RATE < 4.0 and abs(samples).max() > 0.1

    assert page.locator(".answer mark.acoustic").count() == 3
    assert page.inner_text(".claim.contradicted").startswith("fast")
    assert {"✓ pitch high supported", "✗ rate high contradicted"} <= set(
        page.locator(".claims li").all_inner_texts()
    )
    pitch = page.locator(".voice tr", has_text="pitch").first.inner_text().split()
    assert 195 <= int(pitch[1]) <= 205 and pitch[2] == "Hz"
    label = page.get_attribute("figure svg", "aria-label")
    assert label.startswith("waveform of ") and "pitch between" in label
    assert page.get_attribute("figure .pitch", "d").startswith("M")

    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    eventually(page, lambda: float(page.get_attribute("figure .now", "x1")) > 0)
    assert page.evaluate("document.querySelector('audio').currentTime") > 0
    page.keyboard.press("Space")
    assert page.evaluate("document.querySelector('audio').paused")


def test_a_file_and_an_example_are_answered(opened, server, microphone, needs):
    needs("espeakng_loader", "pip install -e '.[demo]'")
    page = opened()
    page.set_input_files("input[type=file]", microphone)
    page.wait_for_selector("[aria-label='answer about voice.wav']")
    page.click("text=synthetic voice, happy")
    page.wait_for_selector("[aria-label^='answer about synthetic']")
    # The newest is first, and both can be played.
    names = page.locator("article").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert names[1] == "answer about voice.wav"
    assert page.locator("audio").count() == 2
    # The example is compared with the voices of its gender.
    assert "about women in general" in page.locator("article").first.inner_text()


def test_a_clip_without_an_answer_says_why(opened, tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, voiced() * 0, RATE)
    page = opened()
    page.set_input_files("input[type=file]", path)
    page.wait_for_selector(".answer.failed")
    assert "is silent (digital silence)" in page.inner_text(".answer.failed")
    assert page.inner_text("[role=status]") == "There is no answer."


def test_a_microphone_that_is_refused_is_named(opened):
    page = opened(permissions=())
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia ="
        " () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
    )
    page.click(".record")
    page.wait_for_selector("text=Allow it for this page")


def test_a_server_that_is_gone_is_named(opened, server, microphone):
    page = opened()
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('gone')) }")
    page.set_input_files("input[type=file]", microphone)
    page.wait_for_selector("text=Is whyser-eval listen still running?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_has_contrast(opened, microphone, width, scheme):
    page = opened(width=width, color_scheme=scheme)
    page.set_input_files("input[type=file]", microphone)
    page.wait_for_selector(".answer")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    assert dark == (scheme == "dark")
    # Everything that takes the focus can be pressed with a thumb.
    sizes = page.locator(".sources button, .sources select, .sources input").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect())"
        ".map(box => Math.min(box.width, box.height))"
    )
    assert min(sizes) >= 24


def test_everything_has_a_name(opened, microphone):
    """As a screen reader gets it."""
    page = opened()
    page.set_input_files("input[type=file]", microphone)
    page.wait_for_selector(".answer")
    tree = page.locator("body").aria_snapshot()
    for line in (
        'button "Record"', 'button "or a file"', 'combobox "compare with"', 'group "Examples"',
        'region "Answers"', 'article "answer about voice.wav"', 'heading "angry"',
        'table "the model\'s probability of each label"', 'table "the measured voice"',
        'list "claims about the voice"',
    ):  # fmt: skip
        assert line in tree, line
