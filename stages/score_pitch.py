"""Pitch of a take: level, range and share of voicing, and now and then a second opinion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Samples, Take
from stages.backends.librosa_cache import compile_librosa
from stages.sung_pitch import STEP_S, from_start

FLOOR_HZ = 60.0
CEILING_HZ = 700.0
"""Search range: a deep man's creak up to a child's shout."""

MIN_CLIP_S = 0.06
"""Praat's autocorrelation looks at three periods of the floor, 50 ms, and needs a little more."""
CLEAR_STRENGTH = 0.7
MIN_CLEAR_SHARE = 0.1
"""Praat finds a pitch even in the formants of a whisper, in up to 29 % of its frames, but hardly a clear one: of 80
whispers none had a voicing strength above 0.7 in more than 3 % of its frames, 140 spoken clips all in more than 26 %.
So a clip counts as voiced where at least 10 % of its frames are clear."""


@dataclass(frozen=True)
class ScorePitch:
    """Take → Take with f0_mean_hz, f0_range_st, voiced_share and, on a seeded sample of utterances, f0_audit_cents.

    Praat's autocorrelation (Boersma 1993) judges; `audit_share` of the utterances are tracked by pyin (Mauch &
    Dixon 2014) too. All attempts of an utterance are audited, or none.
    """

    audit_share: float = 0.02

    def open(self) -> None:
        if self.audit_share > 0:
            compile_librosa()

    def process(self, batch: Sequence[Take]) -> list[Take]:
        return [self._scored(take) for take in batch]

    def close(self) -> None: ...

    def _scored(self, take: Take) -> Take:
        f0_hz = track_f0(take.samples)
        audited = generator("pitch audit", take.line.utterance_id).random() < self.audit_share
        audit = audit_cents(take.samples, f0_hz) if audited else None
        return replace(take, measures=replace(take.measures, f0_audit_cents=audit, **f0_statistics(f0_hz)))


def praat_pitch(samples: Samples) -> Any | None:
    """parselmouth.Pitch of int16 [N] at 24 kHz; None where nothing is voiced (a whisper) or N is below MIN_CLIP_S."""
    import parselmouth

    if len(samples) < MIN_CLIP_S * SAMPLE_RATE:
        return None
    sound = parselmouth.Sound(samples / 32768.0, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    frames = pitch.selected_array
    clear = (frames["frequency"] > 0) & (frames["strength"] > CLEAR_STRENGTH)
    return pitch if clear.mean() >= MIN_CLEAR_SHARE else None


def track_f0(samples: Samples) -> NDArray[np.float64]:
    """f0 in Hz every STEP_S from the start of int16 [N] at 24 kHz, 0 where unvoiced (see `praat_pitch`)."""
    return from_start(praat_pitch(samples), samples)


def f0_statistics(f0_hz: NDArray[np.float64]) -> dict[str, float | None]:
    """f0_mean_hz and f0_range_st (5th to 95th percentile, semitones) over voiced frames, and voiced_share of all."""
    voiced = f0_hz[f0_hz > 0]
    share = len(voiced) / len(f0_hz)
    if not len(voiced):
        return {"f0_mean_hz": None, "f0_range_st": None, "voiced_share": share}
    low, high = np.percentile(voiced, (5, 95))
    return {
        "f0_mean_hz": float(voiced.mean()),
        "f0_range_st": float(12 * np.log2(high / low)),
        "voiced_share": share,
    }


def audit_cents(samples: Samples, f0_hz: NDArray[np.float64]) -> float | None:
    """Median distance in cents between `f0_hz` (of `track_f0`) and pyin, where both are voiced; None if nowhere."""
    import librosa

    hop = 4 * round(STEP_S * SAMPLE_RATE)  # pyin costs ten times what Praat does: every fourth frame will do
    audit_hz, _, _ = librosa.pyin(
        samples / 32768.0, fmin=FLOOR_HZ, fmax=CEILING_HZ, sr=SAMPLE_RATE, frame_length=2048, hop_length=hop
    )
    length = min(len(audit_hz), len(f0_hz[::4]))
    judged, audit = f0_hz[::4][:length], audit_hz[:length]
    both = (judged > 0) & ~np.isnan(audit)
    return float(np.median(np.abs(1200 * np.log2(judged[both] / audit[both])))) if both.any() else None
