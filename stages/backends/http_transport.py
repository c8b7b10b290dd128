"""An HTTP client whose answers, failures included, are bounded as a whole, in time and in size.

The usual time-out bounds each read alone: a byte now and then, of headers or body, would keep it waiting for ever. Here
the connection is cut when a request's time is up. For that every request has a connection of its own: making one takes
a round trip or two, where writing an answer takes seconds.
This module imports the HTTP library: import it in `open()`.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2


class BoundedClient(httpx2.Client):
    """A request takes at most `timeout_s` in all, and at most as long again where connecting uses that up; its answer
    is at most `max_bytes` long."""

    def __init__(self, timeout_s: float, max_bytes: int) -> None:
        super().__init__(
            timeout=timeout_s,
            follow_redirects=True,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            event_hooks={"response": [_size_bound(max_bytes)]},
        )
        self._timeout_s = timeout_s

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Raises ReadTimeout where no whole answer came in time."""
        deadline = _Deadline()
        # A trace, and no transport of our own, which would switch off the proxies of the environment.
        request.extensions["trace"] = deadline.trace
        timer = threading.Timer(self._timeout_s, deadline.end)
        timer.daemon = True
        timer.start()
        try:
            response = super().send(request, **options)
        except httpx2.TransportError:
            if not deadline.passed:
                raise
        finally:
            timer.cancel()
        if deadline.passed:  # a body without a length looks whole when it is cut
            raise httpx2.ReadTimeout("the answer drips", request=request)
        return response


class _Deadline:
    """Knows the connection of a request, and cuts it when the time is up."""

    def __init__(self) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Called by the HTTP library; TLS replaces the socket that it starts on."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._socket = details["return_value"].get_extra_info("socket")
                self._cut_if_passed()

    def end(self) -> None:
        with self._lock:
            self.passed = True
            self._cut_if_passed()

    def _cut_if_passed(self) -> None:
        if self.passed and self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                # Not the method of a TLS socket, which would go on to read in the clear.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _size_bound(max_bytes: int) -> Callable[[httpx2.Response], None]:
    def bound(response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Bounded(response.stream, max_bytes)

    return bound


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._stream:
            size += len(part)
            if size > self._max_bytes:
                raise httpx2.RemoteProtocolError(f"the answer is longer than {self._max_bytes} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()
