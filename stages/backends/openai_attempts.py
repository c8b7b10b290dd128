"""Requests that are sent until they are answered: the one retry layer, with concurrency, rate and dialect."""

import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.errors import OutageError
from schemas.recipe import Service
from stages.backends.openai_completion import Completion, read_completion
from stages.backends.openai_http import MAX_WAIT_S, Endpoint, EndpointTrouble, Refusal, UnansweredError
from stages.backends.openai_schema import Dialect, Form
from stages.backends.rate_limit import RateLimit

FIRST_WAIT_S, WAIT_FACTOR = 0.1, 3.0
"""Pauses between attempts, unless the endpoint asks for longer ones: 0.1, 0.3, 0.9 … s, each ± half."""


class Attempts:
    """The way to one endpoint, for many threads. `answered_s`: when it last answered, on the monotonic clock."""

    def __init__(self, service: Service) -> None:
        self.answered_s = float("-inf")
        self._service = service
        self._endpoint = Endpoint(service)
        self._rate = RateLimit(service.requests_per_minute)
        self._slots = threading.BoundedSemaphore(service.concurrency)
        self._dialect = Dialect()
        self._stopped = threading.Event()
        self._outage: OutageError | None = None

    def open(self) -> None:
        self._endpoint.open()

    def close(self) -> None:
        self._endpoint.close()

    def stop(self, outage: OutageError | None) -> None:
        """Nobody waits for another attempt, nor makes one."""
        self._outage = outage
        self._stopped.set()

    def resume(self) -> None:
        self._outage = None
        self._stopped.clear()

    def raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise self._outage or UnansweredError(f"{self._service.base_url} was not asked: the batch was interrupted")

    def insist(self, request: Mapping[str, Any], form: Form | None, attempts: int, quota_s: float) -> Completion:
        """Gives up after `attempts` failures; a 429 is none, until there was one `quota_s` ago: who says it is alive.

        Raises the last attempt's EndpointTrouble, Refusal or OutageError.
        """
        from tenacity import Retrying, retry_if_exception_type, sleep_using_event

        retrying = Retrying(
            stop=_Patience(self._stopped, attempts, quota_s),
            wait=_pause_s,
            retry=retry_if_exception_type(EndpointTrouble),
            sleep=sleep_using_event(self._stopped),
            reraise=True,
        )
        return retrying(self._try_once, request, form)

    def _try_once(self, request: Mapping[str, Any], form: Form | None) -> Completion:
        while True:
            self._rate.wait(self._stopped)
            self.raise_if_stopped()
            dialect = self._dialect
            body = dialect.body(request, form)
            try:
                completion = self._send(body)
            except EndpointTrouble as trouble:
                if trouble.limited:
                    self._rate.hold(trouble.wait_s or 0.0)
                raise
            except Refusal as refusal:
                if refusal.outage is None:
                    self.answered_s = time.monotonic()
                simpler = dialect.after(str(refusal), body) if refusal.about_parameters else None
                if simpler is None:
                    raise
                self._dialect = simpler
                continue
            self.answered_s = time.monotonic()
            return completion

    def _send(self, body: Mapping[str, Any]) -> Completion:
        with self._slots:  # batches of several threads share them
            text = self._endpoint.post(body)
        completion = read_completion(text, len(canonical(body)), self._service)
        # Scrubbed as text before, and as what the text stands for now: JSON can spell a key in many ways.
        return replace(completion, content=self._endpoint.scrub(completion.content))


@dataclass
class _Patience:
    """How long a request is tried. Failures other than 429 are counted; 429 is waited out."""

    stopped: threading.Event
    attempts: int
    quota_s: float
    failures: int = 0
    limited_since_s: float | None = None

    def __call__(self, state: Any) -> bool:
        """Whether it was enough."""
        if self.stopped.is_set():
            return True
        if not state.outcome.exception().limited:
            self.failures += 1
            return self.failures >= self.attempts
        now_s = time.monotonic()
        if self.limited_since_s is None:
            self.limited_since_s = now_s
        return now_s - self.limited_since_s >= self.quota_s


def _pause_s(state: Any) -> float:
    """Longer each time, and at random, so that those who failed together part; not shorter than the endpoint asks."""
    asked_s = getattr(state.outcome.exception(), "wait_s", None) or 0.0
    longest_s: float = min(FIRST_WAIT_S * WAIT_FACTOR ** (state.attempt_number - 1), MAX_WAIT_S)
    return max(float(asked_s), longest_s * random.uniform(0.5, 1.5))


def canonical(value: Any) -> bytes:
    """JSON with one spelling per value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
