"""What may be shown of an endpoint's address, and the proxy through which it is asked."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from whyser.io.errors import InputError

_ADDRESS = re.compile(r"(?i)\b(https?|socks\w*)://\S*")
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::\d*)?")


def without_secrets(text: str) -> str:
    """The text with its addresses cut to what may be shown: no user, password or query.

    >>> without_secrets("--endpoint=https://me:word@host:1/v1?key=secret")
    '--endpoint=https://host:1/v1'
    """
    return _ADDRESS.sub(lambda found: _shown(found.group()), text)


def _shown(address: str) -> str:
    scheme, _, rest = re.split("[?#]", address)[0].partition("://")
    host, slash, path = rest.partition("/")
    if not _HOST.fullmatch(host.rpartition("@")[2]):
        # A password may contain a slash that should have been written as %2F.
        host, slash, path = rest.rpartition("@")[2].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "10.0.0.1")]
    [True, True, True, False]
    """
    if host.lower().rstrip(".").split(".")[-1] == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def basic(user: str, password: str) -> str:
    """The value of a header that names a user and a password."""
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True)
class Proxy:
    """The proxy that an environment variable names: its address without secrets, and headers."""

    address: str
    variable: str
    headers: Mapping[str, str]


def proxy_for(address: str) -> Proxy | None:
    """The proxy for an address by the usual variables; None if it is asked directly.

    This machine itself is never asked through a proxy, which would look for the server on its own
    machine.

    Raises: `InputError` for a proxy that the client cannot use.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    proxies = getproxies()
    scheme = parts.scheme if proxies.get(parts.scheme) else "all"
    named = proxies.get(scheme)
    if not named or is_loopback(host) or proxy_bypass(host) or _is_excluded(host, proxies):
        return None
    variable = f"{scheme.upper()}_PROXY"
    found = urlsplit(named if "://" in named else f"http://{named}")
    if found.scheme not in ("http", "https") or not found.hostname:
        raise InputError(
            f"${variable} names the proxy {without_secrets(found.geturl())}, which is not HTTP",
            cure=f"Set it to http://HOST:PORT, or add {host} to $NO_PROXY to ask it directly.",
        )
    headers = {}
    if found.username:
        headers["Proxy-Authorization"] = basic(found.username, found.password or "")
    return Proxy(without_secrets(found.geturl()).rstrip("/"), variable, headers)


def _is_excluded(host: str, proxies: Mapping[str, str]) -> bool:
    """Whether $NO_PROXY has a network that contains the host, as on clusters."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for each in proxies.get("no", "").split(","):
        try:
            if "/" in each and address in ipaddress.ip_network(each.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
