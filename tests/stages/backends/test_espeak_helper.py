import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stages.backends import espeak_helper
from stages.backends.espeak_carrier import CarrierRequest, EspeakProcess

HELLO = CarrierRequest("Hello there, how are you?", "en-us+klatt4", 165)
NUMBERS = CarrierRequest("Seven green bottles.", "en-us+klatt4", 200)
MANDARIN = CarrierRequest("ni2 hao3, xie4 xie5.", "cmn+klatt4", 160)

PARENT = """
import sys, time
from stages.backends.espeak_carrier import EspeakProcess
print(EspeakProcess()._process.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_when_stdin_closes() -> None:
    command = [sys.executable, "-P", espeak_helper.__file__]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert helper.stdin is not None
    helper.stdin.close()
    assert helper.wait(timeout=10) == 0


def test_it_dies_with_a_parent_that_is_killed() -> None:
    root = Path(espeak_helper.__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=root)
    assert parent.stdout is not None
    helper_pid = int(parent.stdout.readline())
    assert _runs(helper_pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _runs(helper_pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(helper_pid)


def test_a_request_gives_the_same_carrier_whatever_was_said_before(espeak: EspeakProcess) -> None:
    fresh = EspeakProcess()
    alone = fresh.speak(HELLO)
    fresh.close()
    for before in (NUMBERS, MANDARIN, HELLO):
        espeak.speak(before)
        again = espeak.speak(HELLO)
        np.testing.assert_array_equal(again.samples, alone.samples)
        assert again.phones == alone.phones


def test_an_unknown_voice_is_an_error_and_the_helper_lives_on(espeak: EspeakProcess) -> None:
    with pytest.raises(ValueError, match="espeak-ng has no voice 'xx-nowhere'"):
        espeak.speak(CarrierRequest("Hello.", "xx-nowhere", 165))
    assert len(espeak.speak(HELLO).samples) > 0


def test_a_dead_helper_is_restarted() -> None:
    espeak = EspeakProcess()
    before = espeak.speak(HELLO)
    os.kill(espeak._process.pid, signal.SIGKILL)
    espeak._process.wait()
    np.testing.assert_array_equal(espeak.speak(HELLO).samples, before.samples)
    espeak.close()


def _runs(pid: int) -> bool:
    """Whether the process is there and not a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
