import threading
import time

import pytest

from pipelines.patience import within


def test_what_a_call_returns_or_raises_comes_back() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(KeyError, match="lost"):
        within(5, lambda: {}["lost"])


def test_a_call_that_hangs_is_given_up() -> None:
    end = threading.Event()
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0.1 s"):
        within(0.1, lambda: end.wait(30))
    assert time.monotonic() - started < 5
    end.set()
