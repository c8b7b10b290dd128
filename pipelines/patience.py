"""Waiting for a call that may hang."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(limit_s: float, call: Callable[[], Result]) -> Result:
    """What `call` returns or raises, if it does so within `limit_s` seconds.

    Raises TimeoutError otherwise. Python cannot stop a thread: the call is left to itself in a daemon thread, so
    whatever it works with must not be used again. A call that hangs while holding the interpreter's lock is beyond
    this: no thread of the process runs then.
    """
    answers: queue.SimpleQueue[tuple[list[Result], BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(([call()], None))
        except BaseException as error:
            answers.put(([], error))

    threading.Thread(target=run, daemon=True).start()
    try:
        results, error = answers.get(timeout=limit_s)
    except queue.Empty:
        raise TimeoutError(f"no answer within {limit_s:g} s") from None
    if error is not None:
        raise error
    return results[0]
