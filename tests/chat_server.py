"""A chat endpoint on 127.0.0.1 that writes and judges scripts, and misbehaves as it is told: real HTTP for the tests.

    with ChatServer(faults=0.2, seed=1) as server: ...      # server.url is the base URL
    python -m tests.chat_server --port 0 --faults 0.2 --seed 1

An answer depends on the first user message and the seed of its request alone, so a second request gets the same.
"""

import argparse
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chat_faults import CONTENT, TRANSPORT, Faults
from tests.chat_texts import content, escaped, first_words
from tests.local_server import Handler, LocalServer


class ChatServer(LocalServer):
    """The endpoint, and what it was asked. Attributes may be changed while it runs."""

    def __init__(
        self,
        faults: float = 0.0,
        seed: int = 0,
        kinds: Sequence[str] = TRANSPORT + CONTENT,
        port: int = 0,
        latency_s: float = 0.0,
        stall_s: float = 1.5,
        retry_after: str = "0.05",
    ) -> None:
        super().__init__(_Handler, port, latency_s)
        self.faults = Faults(faults, seed, kinds)
        self.stall_s, self.retry_after = stall_s, retry_after
        self.poison = ""
        """Requests that hold this text always get a 500."""
        self.unauthorized = False
        self.formats = 0
        """1: refuses json_schema; 2: json_object as well."""
        self.refused_parameters: tuple[str, ...] = ()
        self.score = 0.93
        self.reply = ""
        """Said instead of anything else."""
        self.without_usage = False
        self.shape: dict[str, Any] = {}
        """Fields of a completion that are sent instead of what belongs there."""
        self.forbidden: dict[str, int] = {}
        """Requests that hold a text always get this status: as gateways do that dislike some words."""
        self.counts: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        """By digest of the request: how often it was asked, and how often a completion went out whole."""
        self.usd = 0.0
        """What the completions cost that went out whole, at a price of 1 USD a million tokens."""

    @property
    def url(self) -> str:
        return f"{super().url}/v1"

    def fate(self, body: dict[str, Any], key: str | None) -> tuple[str, str]:
        """The digest of a request, and its fault ("" for none)."""
        digest = hashlib.sha256(json.dumps([body.get(k) for k in ("messages", "model", "seed")]).encode()).hexdigest()
        self.counts["requests"] += 1
        self.asked[digest] += 1
        fault = self.faults.draw(digest, self.asked[digest], first_words(body))
        if fault:
            self.counts[fault] += 1
        return digest, fault

    def sent(self, digest: str, usage: dict[str, int]) -> None:
        """A completion went out whole."""
        with self.lock:
            self.answered[digest] += 1
            self.usd += (usage["prompt_tokens"] + usage["completion_tokens"]) / 1e6


class _Handler(Handler):
    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": "test-model", "object": "model"}]}
        self._send_json(200, models) if self.path == "/v1/models" else self._error(404, "no such path")

    def answer(self, body: dict[str, Any], fate: tuple[str, str]) -> None:
        chat: ChatServer = self.owner
        digest, fault = fate
        key = self.headers["Authorization"]
        refused = self._refused_part(body)
        if self.path != "/v1/chat/completions" or body["model"] == "no-such-model":
            return self._error(404, f"the model or path does not exist: {self.path}")
        if chat.unauthorized:
            return self._error(401, f"Incorrect API key provided: {key}")
        if refused:
            return self._error(400, f"'{refused}' is not supported here")
        if chat.poison and chat.poison in first_words(body):
            return self._error(500, "poisoned")
        for text, status in chat.forbidden.items():
            if text in first_words(body):
                return self._error(status, "these words are not allowed")
        if fault in TRANSPORT:
            return self._misbehave(fault, key, self._completion(body, ""))
        data = json.dumps(self._completion(body, fault) | chat.shape)
        if fault == "escaped_key":  # what is left of it in plain
            data = data.replace(key, escaped(key))
        self.send(200, data.encode(), {"Content-Type": "application/json"})
        chat.sent(digest, self._usage)

    def _refused_part(self, body: dict[str, Any]) -> str:
        asked = body.get("response_format", {}).get("type", "")
        if asked in ("json_schema", "json_object")[: self.owner.formats]:
            return f"response_format {asked}"
        for name in self.owner.refused_parameters:
            if name in body:
                return "max_tokens; use max_completion_tokens instead" if name == "max_tokens" else name
        return ""

    def _completion(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        said = self.owner.reply or content(body, fault, self.headers["Authorization"], self.owner.score)
        prompt = sum(len(message["content"]) for message in body["messages"])
        self._usage = {"prompt_tokens": prompt // 4, "completion_tokens": len(said) // 4 + 1}
        completion = {
            "object": "chat.completion",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": said},
                    "finish_reason": "length" if fault == "truncated" else "stop",
                }
            ],
        }
        return completion if self.owner.without_usage else completion | {"usage": self._usage}

    def _misbehave(self, fault: str, key: str, completion: dict[str, Any]) -> None:
        chat: ChatServer = self.owner
        data = json.dumps(completion).encode()
        if fault == "429":
            self._error(429, "slow down", {"Retry-After": chat.retry_after})
        elif fault == "500":
            self._error(500, "out of memory")
        elif fault == "echo_key":
            self._error(500, f"cannot serve {key}", {"X-Request-Id": "r1"})
        elif fault == "html":
            self.send(200, f"<html><body>Gateway for {key}</body></html>".encode(), {"Content-Type": "text/html"})
        elif fault == "timeout":
            chat.closing.wait(chat.stall_s)
            self.hang_up()
        elif fault == "cut":
            self.head(200, len(data))
            self.wfile.write(data[: len(data) // 2])
            self.hang_up()
        elif fault == "drip":
            self.head(200, len(data))
            self._drip(data)
        elif fault == "header_drip":
            self._drip(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: so it goes on\r\n" * 1_000)

    def _drip(self, data: bytes) -> None:
        until = time.monotonic() + self.owner.stall_s
        for byte in data:
            if time.monotonic() > until or self.owner.closing.is_set():
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)
        self.hang_up()

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._send_json(status, {"error": {"message": message}}, headers)

    def _send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send(status, json.dumps(value).encode(), (headers or {}) | {"Content-Type": "application/json"})


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat endpoint that misbehaves.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--stall", type=float, default=1.5, help="seconds that a drip or a hang lasts")
    given = parser.parse_args()
    with ChatServer(given.faults, given.seed, port=given.port, latency_s=given.latency, stall_s=given.stall) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
