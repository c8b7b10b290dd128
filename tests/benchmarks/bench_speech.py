"""What the embedded speech engine costs: CPU seconds per second of speech, on one core, its helper process included.

The engine has spoken once before the clock starts.
"""

import resource
import time

from schemas.take import SAMPLE_RATE, Line
from stages.backends.espeak_speech import EspeakSpeech
from trainer.clips import make_clips

COUNT = 40


def real_time_factor(lines: list[Line]) -> float:
    """CPU seconds of this process and of the engine's helper per second of audio."""
    children_before = children_cpu_s()
    engine = EspeakSpeech()
    engine.open()
    engine.synthesize(lines[:1])
    start_s = time.process_time()
    performances = engine.synthesize(lines)
    own_s = time.process_time() - start_s
    engine.close()  # the helper's time is known once it has ended
    seconds = sum(len(performance.samples) for performance in performances) / SAMPLE_RATE
    return (own_s + children_cpu_s() - children_before) / seconds


def children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    lines = [clip.line for clip in make_clips("bench speech", range(COUNT))]
    print(f"{COUNT} lines: {real_time_factor(lines):.4f} CPU s per s of speech")
