"""What the page's server answers, and whom."""

import http.client
import io
import json
import socket
import threading

import pytest
import soundfile

from whyser.io.errors import WhyserError
from whyser_eval.asking.listen.server import HEADER, LARGEST, Listening, ListenServer
from whyser_eval.asking.references import population


@pytest.fixture
def server(system):
    found = ListenServer(Listening(system, lambda gender: [population(gender)]))
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def request_(server):
    def call(method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content

    return call


ASKED = {HEADER: "ask"}


def test_it_is_bound_to_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1" and server.is_local
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_a_port_that_is_taken_is_named(server):
    with pytest.raises(WhyserError, match=r"cannot be bound .*Give another --port"):
        ListenServer(server.listening, port=server.server_port)


def test_a_sound_is_answered(request_, speak):
    sound = speak(hertz=180.0).read_bytes()
    response, content = request_("POST", "/ask?name=clip.wav&gender=male", sound, **ASKED)
    answer = json.loads(content)["answer"]
    assert response.status == 200 and response.headers["Cache-Control"] == "no-store"
    assert (answer["label"], answer["name"]) == ("angry", "clip.wav")
    assert "compared with figures about men in general" in answer["references"]
    assert {claim["outcome"] for claim in answer["claims"]} >= {"supported", "contradicted"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", ".hidden", "", "a\0b" * 90])
def test_the_name_of_a_file_leads_nowhere(request_, speak, name):
    from urllib.parse import quote

    sound = speak().read_bytes()
    _, content = request_("POST", f"/ask?name={quote(name)}", sound, **ASKED)
    shown = json.loads(content)["answer"]["name"]
    assert "/" not in shown and "\0" not in shown and len(shown) <= 100


def test_why_there_is_no_answer_is_said_without_our_folders(request_, system):
    _, content = request_("POST", "/ask?name=x.wav", b"no sound", **ASKED)
    assert json.loads(content)["problem"].startswith("x.wav: is not a readable sound file")
    system.text = WhyserError("the endpoint is away")
    _, content = request_("POST", "/ask?name=x.wav", _tone(), **ASKED)
    assert json.loads(content) == {"problem": "the endpoint is away"}


def _tone():
    from tests.eval.asking.conftest import RATE, voiced

    buffer = io.BytesIO()
    soundfile.write(buffer, voiced(), RATE, format="WAV")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example", **ASKED},
        {"Host": "evil.example:80", **ASKED},
        {"Origin": "http://evil.example", **ASKED},
        {"Origin": "null", **ASKED},
    ],
)
def test_other_pages_may_not_ask(request_, system, headers):
    response, content = request_("POST", "/ask", _tone(), **headers)
    assert response.status == 403 and "only the page" in json.loads(content)["problem"]
    assert request_("GET", "/", **headers)[0].status == 403
    assert not system.heard


def test_a_question_needs_the_header_that_other_pages_cannot_send(request_, system):
    assert request_("POST", "/ask", _tone())[0].status == 404
    # A browser asks first whether another page may send it, and gets no leave.
    response, _ = request_("OPTIONS", "/ask", Origin="http://evil.example")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert not system.heard


def test_a_sound_that_is_too_large_is_not_read(request_, server, system):
    response, content = request_("POST", "/ask", None, Content_Length=str(LARGEST + 1), **ASKED)
    assert response.status == 413 and "Cut it" in json.loads(content)["problem"]
    assert request_("POST", "/ask", None, Content_Length="9" * 5_000, **ASKED)[0].status == 413
    assert request_("POST", "/ask", None, Content_Length="-1", **ASKED)[0].status == 411


def test_about_half_of_a_sound_nobody_is_asked(server, system):
    sound = _tone()
    head = f"POST /ask HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n{HEADER}: ask\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {len(sound) + 1}\r\n\r\n".encode() + sound)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert b" 400 " in answer.splitlines()[0] and b"arrived only in part" in answer
    assert not system.heard


def test_the_page_allows_itself_only(request_):
    response, content = request_("GET", "/")
    page = content.decode()
    policy = page.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert "default-src &#39;none&#39;" in policy and "connect-src &#39;self&#39;" in policy
    assert (
        "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    )
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert request_("GET", "/nothing")[0].status == 404


def test_an_example_is_spoken(request_, needs):
    needs("espeakng_loader", "pip install -e '.[demo]'")
    response, content = request_("GET", "/example/0.wav")
    assert response.headers["Content-Type"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(content))
    assert 0.5 < len(samples) / rate < 5
    assert request_("GET", "/example/9.wav")[0].status == 404


def test_without_the_synthesiser_there_are_no_examples(system, monkeypatch):
    monkeypatch.setattr("whyser_eval.asking.listen.examples.is_installed", lambda _: False)
    listening = Listening(system, lambda gender: [population(gender)])
    assert "data-example=" not in listening.page()
