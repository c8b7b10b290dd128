"""Quality of a take: how it would be rated, how clean the signal and the voice are, and how it fits its text."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.tags import TAGS
from schemas.take import SAMPLE_RATE, Measures, Samples, Span, Take
from stages.backends.protocols import QualityScorer
from stages.backends.silero_activity import FRAME_S, FRAME_SAMPLES, SileroActivity
from stages.score_pitch import praat_pitch

HARMONICITY_RATE_HZ = 16_000
"""Harmonicity is measured below 8 kHz: at 24 kHz it costs twice the time and differs by .2 dB."""
HARMONICITY_FLOOR_HZ = 75.0
"""Praat's standard setting."""
LOUDNESS_BLOCK_S = 0.4
"""ITU-R BS.1770-4 measures loudness over blocks of 400 ms; a shorter clip has none."""
QUANTIZATION_POWER = (1 / 32768) ** 2 / 12
"""Power of rounding to int16: no noise floor is taken to be lower."""


@dataclass(frozen=True)
class ScoreQuality:
    """Take → Take with the scorer's measures and those of this module: signal, silence, voice, loudness, pace.

    seconds_per_character counts from the first to the last speech: with the silence at either end, a single short
    word would look slow.
    """

    scorer: QualityScorer
    activity: SileroActivity = field(default_factory=SileroActivity)

    def open(self) -> None:
        self.scorer.open()
        self.activity.open()

    def process(self, batch: Sequence[Take]) -> list[Take]:
        clips = [take.samples for take in batch]
        scores, activity = self.scorer.score(clips), self.activity.detect(clips)
        return [
            replace(take, measures=_measured(take, rated, speech))
            for take, rated, speech in zip(batch, scores, activity, strict=True)
        ]

    def close(self) -> None:
        self.scorer.close()
        self.activity.close()


def _measured(take: Take, rated: dict[str, float], speech: NDArray[np.bool_]) -> Measures:
    sounds = [phone for phone in take.phones if phone.label in TAGS]
    leading_s, trailing_s = silences_s(speech | frames_of(sounds, len(speech)), take.duration_s)
    sounds_s = sum(sound.end_s - sound.start_s for sound in sounds)
    spoken_s = max(0.0, take.duration_s - leading_s - trailing_s - sounds_s)
    return replace(
        take.measures,
        **rated,
        **voice_quality(take.samples),
        snr_db=snr_db(take.samples, speech),
        clipped_share=clipped_share(take.samples),
        leading_silence_s=leading_s,
        trailing_silence_s=trailing_s,
        loudness_lufs=loudness_lufs(take.samples),
        seconds_per_character=spoken_s / count_characters(take.line.spoken),
    )


def frames_of(sounds: Sequence[Span], count: int) -> NDArray[np.bool_]:
    """[count] True where a sound is made: a laugh or a sigh is no silence, though no speech either."""
    starts_s = np.arange(count) * FRAME_S
    made = np.zeros(count, dtype=bool)
    for sound in sounds:
        made |= (starts_s >= sound.start_s) & (starts_s < sound.end_s)
    return made


def silences_s(speech: NDArray[np.bool_], duration_s: float) -> tuple[float, float]:
    """Seconds before the first and after the last frame with speech; without any, both are the whole clip."""
    active = np.flatnonzero(speech)
    if not len(active):
        return duration_s, duration_s
    return float(active[0] * FRAME_S), max(0.0, float(duration_s - (active[-1] + 1) * FRAME_S))


def snr_db(samples: Samples, speech: NDArray[np.bool_]) -> float:
    """Mean power of the frames with speech over the noise floor, less that floor, in decibels.

    The floor is the 10th percentile of the power of all frames: as in minimum statistics (Martin 2001) closures
    and short pauses show the noise; where less than a tenth of the clip is quiet, the figure is a lower bound.
    0 dB if nobody speaks above the floor.
    """
    whole = len(samples) // FRAME_SAMPLES
    frames = samples[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES) / 32768.0
    power = np.mean(frames**2, axis=1)
    if not speech[:whole].any():
        return 0.0
    noise = max(float(np.percentile(power, 10)), QUANTIZATION_POWER)
    return float(10 * np.log10(max(float(power[speech[:whole]].mean()) / noise - 1, 1.0)))


def clipped_share(samples: Samples) -> float:
    """Share of samples at either end of the int16 range."""
    return float(np.mean((samples == 32767) | (samples == -32768)))


def voice_quality(samples: Samples) -> dict[str, float | None]:
    """hnr_db, jitter (local) and shimmer (local) by Praat at its standard settings; None where nothing is voiced."""
    import parselmouth
    import soxr
    from parselmouth.praat import call

    pitch = praat_pitch(samples)
    if pitch is None:
        return {"hnr_db": None, "jitter": None, "shimmer": None}
    sound = parselmouth.Sound(samples / 32768.0, SAMPLE_RATE)
    narrow = soxr.resample(samples / 32768.0, SAMPLE_RATE, HARMONICITY_RATE_HZ)
    harmonicity = parselmouth.Sound(narrow, HARMONICITY_RATE_HZ).to_harmonicity_cc(0.02, HARMONICITY_FLOOR_HZ)
    pulses = call([sound, pitch], "To PointProcess (cc)")
    periods = (0, 0, 0.0001, 0.02, 1.3)  # whole clip; shortest and longest period in s; largest ratio of neighbours
    found = {
        "hnr_db": call(harmonicity, "Get mean", 0, 0),
        "jitter": call(pulses, "Get jitter (local)", *periods),
        "shimmer": call([sound, pulses], "Get shimmer (local)", *periods, 1.6),
    }
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def loudness_lufs(samples: Samples) -> float | None:
    """Integrated loudness (ITU-R BS.1770-4); None where no block of 400 ms is above its gate."""
    import pyloudnorm

    if len(samples) < LOUDNESS_BLOCK_S * SAMPLE_RATE:
        return None
    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples / 32768.0)
    return float(loudness) if np.isfinite(loudness) else None


def count_characters(spoken: str) -> int:
    """Letters or hanzi in a spoken text, without spaces and marks. Raises ValueError where there is none."""
    count = sum(character.isalpha() for character in spoken)
    if not count:
        raise ValueError(f"score_quality: expected a spoken text with letters, got '{spoken}'.")
    return count
