"""From a vocoder's output to a finished take: 24 kHz, edges, loudness, noise floor, int16."""

from collections.abc import Sequence

import numpy as np

from schemas.take import SAMPLE_RATE, Samples, Span
from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.world_vocoder import Floats

EDGE_S = 0.2  # silence before the first and after the last phone
FADE_S = 0.02
LOUDNESS_LUFS = -23.0  # EBU R 128
LOUDNESS_BLOCK_S = 0.4  # ITU-R BS.1770 gating block; shorter clips are measured tiled
PEAK = 0.89  # -1 dBFS
NOISE_FLOOR_DB = -84.0


def master(
    samples: Floats,
    rate_hz: int,
    phones: Sequence[CarrierPhone],
    loudness_db: float,
    random: np.random.Generator,
) -> tuple[Samples, tuple[Span, ...]]:
    """int16 [N] at 24 kHz and the phones in its time: from 0 to its end without gaps, silence at both ends.

    Loudness is `LOUDNESS_LUFS` + `loudness_db`, less where peaks would pass `PEAK`.
    """
    import soxr

    said = [phone for phone in phones if phone.label != SILENCE]
    start_s, end_s = said[0].start_s, said[-1].end_s
    first, last = round(start_s * rate_hz), min(round(end_s * rate_hz), len(samples))
    speech = soxr.resample(samples[first:last], rate_hz, SAMPLE_RATE)
    speech = _faded(np.pad(speech, round(EDGE_S * SAMPLE_RATE)), round(EDGE_S * SAMPLE_RATE))
    speech = speech * _gain(speech, LOUDNESS_LUFS + loudness_db)
    speech = speech + 10 ** (NOISE_FLOOR_DB / 20) * random.standard_normal(len(speech))
    finished = np.round(np.clip(speech, -1.0, 1.0) * 32767).astype(np.int16)
    duration_s = len(finished) / SAMPLE_RATE
    inner = [
        Span(phone.label, phone.start_s - start_s + EDGE_S, min(phone.end_s - start_s + EDGE_S, duration_s))
        for phone in phones
        if start_s <= phone.start_s < end_s
    ]
    edges = Span(SILENCE, 0.0, inner[0].start_s), Span(SILENCE, inner[-1].end_s, duration_s)
    return finished, (edges[0], *inner, edges[1])


def _faded(samples: Floats, edge: int) -> Floats:
    """Short fades at the speech's edges, so that cutting it out of the carrier does not click."""
    fade = round(FADE_S * SAMPLE_RATE)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    samples[edge : edge + fade // 4] *= ramp[::4][: fade // 4]
    samples[-edge - fade : len(samples) - edge] *= ramp[::-1]
    return samples


def _gain(samples: Floats, target_lufs: float) -> float:
    """The factor that brings the clip to the target, or its peak to PEAK if that is less."""
    import pyloudnorm

    least = round(LOUDNESS_BLOCK_S * SAMPLE_RATE) + 1
    tiled = np.tile(samples, -(-least // len(samples)))
    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(tiled)
    gain = 10 ** ((target_lufs - loudness) / 20)
    return float(min(gain, PEAK / np.abs(samples).max()))
