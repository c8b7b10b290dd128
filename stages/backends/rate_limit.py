"""Not more requests a minute than an endpoint allows."""

import threading
import time

BURST_S = 1.0
"""A bucket that nobody drew from holds the requests of so many seconds, and at least one."""


class RateLimit:
    """A token bucket shared by threads; None: no limit but the pauses that the endpoint itself asks for."""

    def __init__(self, per_minute: float | None) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else 0.0
        self._slack_s = max(0.0, BURST_S - self._interval_s)
        self._next_s = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Returns when the next request may be sent, or at once when `stop` is set."""
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(self._next_s, now_s - self._slack_s)
            self._next_s = turn_s + self._interval_s
        if turn_s > now_s:
            stop.wait(turn_s - now_s)

    def hold(self, seconds: float) -> None:
        """No request for so long: a 429 is about everybody who asks, not about the one who got it."""
        with self._lock:
            self._next_s = max(self._next_s, time.monotonic() + seconds)
