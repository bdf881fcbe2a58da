"""What of an address is shown, and which proxy leads to it."""

from __future__ import annotations

import pytest

from whyser.io.addresses import proxy_for, without_secrets
from whyser.io.errors import InputError

PROXY = "http://proxy.here:3128"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://me:word@host:1/v1?key=word#word", "https://host:1/v1"),
        ("HTTP://word@host", "HTTP://host"),
        ("https://me:wo@rd@host/v1", "https://host/v1"),
        ("https://me:wo/rd@host/v1", "https://host/v1"),
        ("https://host?key=word", "https://host"),
        ("https://me:word@[::1]:8000/v1", "https://[::1]:8000/v1"),
        ("https://host/v1/@cf/model", "https://host/v1/@cf/model"),
        ("--endpoint=https://me:word@host/v1?word", "--endpoint=https://host/v1"),
        ("from http://a:word@b to http://c:word@d/e", "from http://b to http://d/e"),
        ("socks5://me:word@host:1080", "socks5://host:1080"),
        ("write to me@host", "write to me@host"),
    ],
)
def test_no_user_password_or_query_is_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0"],
)
def test_this_machine_has_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    assert proxy_for(f"http://{host}:8000/v1") is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"http_proxy": PROXY}, (PROXY, "HTTP_PROXY")),
        ({"HTTP_PROXY": PROXY}, (PROXY, "HTTP_PROXY")),
        ({"https_proxy": PROXY}, None),
        ({"all_proxy": PROXY}, (PROXY, "ALL_PROXY")),
        ({"all_proxy": "socks5://x", "http_proxy": PROXY}, (PROXY, "HTTP_PROXY")),
        ({"http_proxy": "proxy.here:3128"}, (PROXY, "HTTP_PROXY")),
        ({"http_proxy": "http://me:word@proxy.here:3128/"}, (PROXY, "HTTP_PROXY")),
        ({"http_proxy": PROXY, "no_proxy": "10.1.2.3"}, None),
        ({"http_proxy": PROXY, "no_proxy": "node, 10.0.0.0/8"}, None),
        ({"http_proxy": PROXY, "no_proxy": "*"}, None),
        ({"http_proxy": PROXY, "no_proxy": "10.9.0.0/16,a/b,other"}, (PROXY, "HTTP_PROXY")),
    ],
)
def test_the_proxy_of_the_usual_variables(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    expected: tuple[str, str] | None,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_for("http://10.1.2.3:8000/v1")
    assert (found and (found.address, found.variable)) == expected


def test_a_proxy_that_is_not_http_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://me:word@proxy.here:1080")
    with pytest.raises(InputError) as caught:
        proxy_for("https://ser.example/v1")
    assert str(caught.value) == (
        "$ALL_PROXY names the proxy socks5://proxy.here:1080, which is not HTTP. Set it to "
        "http://HOST:PORT, or add ser.example to $NO_PROXY to ask it directly."
    )
