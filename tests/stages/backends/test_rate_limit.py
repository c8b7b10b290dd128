import threading
import time
from concurrent.futures import ThreadPoolExecutor

from stages.backends.rate_limit import RateLimit


def timed(limit: RateLimit, requests: int) -> float:
    """Seconds until so many threads have had their turn."""
    began_s = time.monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(requests) as pool:
        list(pool.map(lambda _: limit.wait(stop), range(requests)))
    return time.monotonic() - began_s


def test_requests_are_spread_over_the_minute() -> None:
    limit = RateLimit(60 * 50)  # 50 a second, and 50 at once after a second
    assert timed(limit, 50) < 0.2
    assert 0.3 <= timed(limit, 20) < 0.7


def test_a_slow_limit_allows_a_second_of_it_at_once() -> None:
    limit = RateLimit(300)  # one each 0.2 s, and so 5 at once after a second
    assert timed(limit, 5) < 0.1
    assert 0.35 <= timed(limit, 2) < 0.6


def test_without_a_limit_nobody_waits() -> None:
    assert timed(RateLimit(None), 50) < 0.2


def test_a_hold_is_for_all() -> None:
    limit = RateLimit(None)
    limit.hold(0.3)
    assert 0.28 <= timed(limit, 4) < 0.6
    assert timed(limit, 4) < 0.1


def test_a_hold_is_for_those_too_who_wait_already() -> None:
    limit = RateLimit(60 * 10)  # one each 0.1 s, and 10 at once after a second
    timed(limit, 10)
    turns: list[float] = []
    stop = threading.Event()
    began_s = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(lambda: (limit.wait(stop), turns.append(time.monotonic() - began_s)))
        time.sleep(0.02)
        limit.hold(0.5)
    turns.sort()
    assert 0.5 <= turns[0] < 0.7
    assert turns[2] - turns[0] >= 0.15  # and in turn, not all at its end


def test_a_stop_ends_the_waiting() -> None:
    limit = RateLimit(1)
    stop = threading.Event()
    limit.wait(stop)
    stop.set()
    began_s = time.monotonic()
    limit.wait(stop)
    assert time.monotonic() - began_s < 0.1
