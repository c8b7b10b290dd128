"""A server on 127.0.0.1 that counts what it is asked, and may hang up: what the chat and the singing server share."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class LocalServer:
    """Runs as long as its `with`. Attributes may be changed while it runs."""

    def __init__(self, handler: type["Handler"], port: int = 0, latency_s: float = 0.0) -> None:
        self.latency_s = latency_s
        self.dead = False
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.peak = self._now = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._http = _Server(("127.0.0.1", port), handler)
        self._http.owner = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def enter(self, body: dict[str, Any], key: str | None) -> Any:
        """Counts a request; its fate."""
        with self.lock:
            self._now += 1
            self.peak = max(self.peak, self._now)
            self.bodies.append(body)
            self.times.append(time.monotonic())
            return self.fate(body, key)

    def fate(self, body: dict[str, Any], key: str | None) -> Any:
        """What `Handler.answer` is told of a request, in the order in which they come in."""
        raise NotImplementedError

    def leave(self) -> None:
        with self.lock:
            self._now -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: LocalServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what this server is for."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request after another of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def owner(self) -> Any:
        return self.server.owner

    def log_message(self, *_: Any) -> None: ...

    def do_POST(self) -> None:
        if self.owner.dead:
            return self.hang_up()
        body = self.parsed(self.rfile.read(int(self.headers["Content-Length"])))
        fate = self.owner.enter(body, self.headers["Authorization"])
        try:
            self.owner.closing.wait(self.owner.latency_s)
            self.answer(body, fate)
        finally:
            self.owner.leave()

    def parsed(self, raw: bytes) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(raw)
        return body

    def answer(self, body: dict[str, Any], fate: Any) -> None:
        raise NotImplementedError

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.head(status, len(data), headers)
        self.wfile.write(data)

    def head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(length)} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
