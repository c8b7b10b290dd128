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
        self._held_until_s = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Returns when the next request may be sent, or at once when `stop` is set."""
        turn_s = self._turn()
        while not stop.is_set():
            if (pause_s := turn_s - time.monotonic()) > 0.0:
                stop.wait(pause_s)
                continue
            with self._lock:
                held = turn_s < self._held_until_s
            if not held:
                return
            turn_s = self._turn()  # a hold came while this one waited: its turn is void

    def hold(self, seconds: float) -> None:
        """No request for so long, from who waits already neither: a 429 is about everybody who asks."""
        with self._lock:
            self._held_until_s = max(self._held_until_s, time.monotonic() + seconds)
            self._next_s = max(self._next_s, self._held_until_s)

    def _turn(self) -> float:
        """When the caller may send, on the monotonic clock; never before the end of a hold."""
        with self._lock:
            turn_s = max(self._next_s, time.monotonic() - self._slack_s)
            self._next_s = turn_s + self._interval_s
            return turn_s
