"""An HTTP client whose answers, failures included, are bounded as a whole, in time and in size.

The usual time-out bounds each read alone: a byte of the body now and then would keep it waiting for ever. (A byte of
the headers now and then still would.)
This module imports the SDK: import it in `open()`.
"""

import time
from collections.abc import Iterator

import httpx2
import openai

MAX_ANSWER_BYTES = 1_000_000


def bounded_client(timeout_s: float, concurrency: int) -> httpx2.Client:
    """Keeps `concurrency` connections; each of connecting, waiting and reading takes at most `timeout_s`."""
    hooks = _Hooks(timeout_s)
    return openai.DefaultHttpxClient(
        timeout=timeout_s,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=concurrency),
        event_hooks={"request": [hooks.start], "response": [hooks.bound]},
    )


class _Hooks:
    """Hooks, and no transport of our own, which would switch off the proxies of the environment."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def start(self, request: httpx2.Request) -> None:
        request.extensions["deadline_s"] = time.monotonic() + self._timeout_s

    def bound(self, response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Bounded(response.stream, response.request.extensions["deadline_s"])


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, deadline_s: float) -> None:
        self._stream = stream
        self._deadline_s = deadline_s

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._stream:
            size += len(part)
            if time.monotonic() > self._deadline_s:
                raise httpx2.ReadTimeout("the answer drips")
            if size > MAX_ANSWER_BYTES:
                raise httpx2.RemoteProtocolError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()
