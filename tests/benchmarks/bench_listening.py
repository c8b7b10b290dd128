"""What each listening measure costs: CPU seconds per second of speech, on one core.

Run it with `python tests/benchmarks/bench_listening.py`. Clips are those of the embedded engine. Models are loaded,
and every measure has run once, before the clock starts. `pyin` counts in full here; the pipeline runs it on 2 % of the
takes only.
"""

import argparse
import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.silero_activity import SileroActivity
from stages.score_pitch import audit_cents, track_f0
from stages.score_quality import clipped_share, loudness_lufs, snr_db, voice_quality
from trainer.clips import make_clips

NAMESPACE = "bench listening"


def cpu_seconds(listen: Callable[[int], object], count: int) -> float:
    """CPU seconds to listen to all clips, after a first one that is not counted."""
    listen(0)
    start_s = time.process_time()
    for index in range(count):
        listen(index)
    return time.process_time() - start_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=24)
    count = parser.parse_args().clips
    made = list(make_clips(NAMESPACE, range(count)))
    clips: list[Samples] = [clip.samples for clip in made]
    transcriber, quality, activity = PhoneTranscriber(), DnsmosQuality(), SileroActivity()
    for backend in (transcriber, quality, activity):
        backend.open()
    speech = activity.detect(clips)
    measures: dict[str, Callable[[int], object]] = {
        "phones, gap": lambda i: transcriber.transcribe([clips[i]], [made[i].line.spoken], [made[i].line.language]),
        "pitch (Praat)": lambda i: track_f0(clips[i]),
        "DNSMOS": lambda i: quality.score([clips[i]]),
        "voice activity": lambda i: activity.detect([clips[i]]),
        "HNR, jitter, shimmer": lambda i: voice_quality(clips[i]),
        "loudness": lambda i: loudness_lufs(clips[i]),
        "SNR, clipping": lambda i: (snr_db(clips[i], speech[i]), clipped_share(clips[i])),
        "pyin (audit)": lambda i: audit_cents(clips[i], track_f0(clips[i])),
    }
    seconds = sum(map(len, clips)) / SAMPLE_RATE
    print(f"{count} clips, {seconds / count:.1f} s each on average")
    print(f"{'measure':24}{'CPU s per s of speech':>24}")
    factors = {name: cpu_seconds(listen, count) / seconds for name, listen in measures.items()}
    for name, factor in factors.items():
        print(f"{name:24}{factor:24.4f}")
    print(f"{'all, audit on 2 %':24}{sum(factors.values()) - 0.98 * factors['pyin (audit)']:24.4f}")
    for backend in (transcriber, quality, activity):
        backend.close()


if __name__ == "__main__":
    with threadpool_limits(1):  # as in a worker: BLAS threads that only wait would count as work
        main()
