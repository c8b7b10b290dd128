"""Requests that are sent until they are answered: the one retry layer of an endpoint, with concurrency and rate."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from schemas.errors import OutageError
from schemas.recipe import Service
from stages.backends.http_trouble import MAX_WAIT_S, EndpointTrouble, Refusal, UnansweredError
from stages.backends.rate_limit import RateLimit

FIRST_WAIT_S, WAIT_FACTOR = 0.1, 3.0
"""Pauses between attempts, unless the endpoint asks for longer ones: 0.1, 0.3, 0.9 … s, each ± half."""

Answer = TypeVar("Answer")


class Attempts:
    """The way to one endpoint, for many threads. `answered_s`: when it last answered, on the monotonic clock."""

    def __init__(self, service: Service) -> None:
        self.answered_s = float("-inf")
        self._service = service
        self._rate = RateLimit(service.requests_per_minute)
        self._slots = threading.BoundedSemaphore(service.concurrency)
        self._stopped = threading.Event()
        self._outage: OutageError | None = None

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

    def insist(self, send: Callable[[], Answer], attempts: int, quota_s: float) -> Answer:
        """What `send` gives, which makes one request and raises EndpointTrouble, Refusal or OutageError.

        Gives up after `attempts` failures; a 429 is none, until there was one `quota_s` ago: who says it is alive.
        Raises the last attempt's exception.
        """
        from tenacity import Retrying, retry_if_exception_type, sleep_using_event

        retrying = Retrying(
            stop=_Patience(self._stopped, attempts, quota_s),
            wait=_pause_s,
            retry=retry_if_exception_type(EndpointTrouble),
            sleep=sleep_using_event(self._stopped),
            reraise=True,
        )
        answer: Answer = retrying(self._try_once, send)
        return answer

    def _try_once(self, send: Callable[[], Answer]) -> Answer:
        self._rate.wait(self._stopped)
        self.raise_if_stopped()
        try:
            with self._slots:  # batches of several threads share them
                answer = send()
        except EndpointTrouble as trouble:
            if trouble.limited:
                self._rate.hold(trouble.wait_s or 0.0)
            raise
        except Refusal as refusal:
            if refusal.outage is None:
                self.answered_s = time.monotonic()
            raise
        self.answered_s = time.monotonic()
        return answer


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
