"""The connection to an endpoint: what is sent to which host, and what comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whyser.chat.faults import fault_of_exception, fault_of_proxy
from whyser.chat.request import plain
from whyser.chat.settings import ChatSettings, Secrets

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

#: Seconds to wait for a connection.
CONNECT_TIMEOUT = 10.0


@dataclass(frozen=True)
class Answered:
    """A response, whatever its status, without the secrets that some servers echo."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Wire:
    """A session with one endpoint, open inside the `async with` block.

    A redirect is an answer like any other: it is not followed, because the clips would go along.
    """

    def __init__(self, settings: ChatSettings, secrets: Secrets) -> None:
        import aiohttp

        self._secrets = secrets
        self._how = _how(settings, secrets)
        # `sock_connect` and `total` bound the whole exchange, so a server that sends a byte now and
        # then times out too. The environment is read by `proxy_for` only: aiohttp's own reading
        # would also send what ~/.netrc holds.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=settings.timeout, sock_connect=min(CONNECT_TIMEOUT, settings.timeout)
            ),
            trust_env=False,
        )

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    async def post(self, url: str, value: Any) -> Answered:
        """Sends a value as JSON.

        Raises: `RequestFault` if no response arrives.
        """
        import aiohttp

        data = json.dumps(value, default=plain).encode()
        try:
            async with self._session.post(url, data=data, **self._how) as response:
                body = await response.read()
        except aiohttp.ClientHttpProxyError as error:
            raise fault_of_proxy(error.status, error.message) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise fault_of_exception(error) from None
        return Answered(response.status, response.headers, self._secrets.hide_in_answer(body))


def _how(settings: ChatSettings, secrets: Secrets) -> dict[str, Any]:
    """The arguments of each request.

    The key is not a header of the session, because aiohttp would send that to the proxy too.
    """
    headers = {**secrets.headers, "Content-Type": "application/json"}
    how: dict[str, Any] = {"allow_redirects": False, "headers": headers}
    if (proxy := settings.proxy) is not None:
        how["proxy"] = proxy.address
        # Inside TLS the proxy sees only the request for the tunnel.
        if settings.parts.scheme == "https":
            how["proxy_headers"] = proxy.headers
        else:
            headers |= proxy.headers
    return how
