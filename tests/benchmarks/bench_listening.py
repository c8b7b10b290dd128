"""What each listening measure costs: CPU seconds per second of speech, on one core.

Clips are those of the embedded engine. Models are loaded,
and every measure has run once, before the clock starts. `pyin` counts in full here; the pipeline runs it on 2 % of the
takes only.
"""

import time
from collections.abc import Callable

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.silero_activity import SileroActivity
from stages.score_pitch import audit_cents, track_f0
from stages.score_quality import clipped_share, loudness_lufs, snr_db, voice_quality
from trainer.clips import make_clips

NAMESPACE = "bench listening"
COUNT = 24


def cpu_seconds(listen: Callable[[int], object]) -> float:
    """CPU seconds to listen to all clips, after a first one that is not counted."""
    listen(0)
    start_s = time.process_time()
    for index in range(COUNT):
        listen(index)
    return time.process_time() - start_s


def main() -> None:
    made = list(make_clips(NAMESPACE, range(COUNT)))
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
    print(f"{COUNT} clips, {seconds / COUNT:.1f} s each on average")
    print(f"{'measure':24}{'CPU s per s of speech':>24}")
    factors = {name: cpu_seconds(listen) / seconds for name, listen in measures.items()}
    for name, factor in factors.items():
        print(f"{name:24}{factor:24.4f}")
    print(f"{'all, audit on 2 %':24}{sum(factors.values()) - 0.98 * factors['pyin (audit)']:24.4f}")
    for backend in (transcriber, quality, activity):
        backend.close()
