"""From a vocoder's output to a finished take: 24 kHz, edges, loudness, noise floor, int16."""

from collections.abc import Sequence

import numpy as np

from schemas.take import SAMPLE_RATE, Samples, Span
from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.world_vocoder import Floats

EDGE_S = 0.2  # silence before the first and after the last phone
FADE_IN, FADE_OUT = round(0.005 * SAMPLE_RATE), round(0.02 * SAMPLE_RATE)  # a first stop keeps its burst
LOUDNESS_LUFS = -23.0  # EBU R 128
LOUDNESS_BLOCK_S = 0.4  # ITU-R BS.1770 gating block; shorter clips are measured tiled
PEAK = 0.89  # -1 dBFS
LIMITER_S = 0.01
NOISE_FLOOR_DB = -84.0


def master(
    samples: Floats,
    rate_hz: int,
    phones: Sequence[CarrierPhone],
    loudness_db: float,
    random: np.random.Generator,
    kept_s: tuple[float, float] | None = None,
) -> tuple[Samples, tuple[Span, ...]]:
    """int16 [N] at 24 kHz and the phones in its time: from 0 to its end without gaps, silence at both ends.

    Kept is what lies from the first phone to the end of the last one, or from and to `kept_s`; EDGE_S is added to both
    ends. Loudness is `LOUDNESS_LUFS` + `loudness_db`, a little less where peaks had to be held at `PEAK`.
    """
    import soxr

    said = [phone for phone in phones if phone.label != SILENCE]
    start_s, end_s = kept_s or (said[0].start_s, said[-1].end_s)
    first, last = round(start_s * rate_hz), min(round(end_s * rate_hz), len(samples))
    speech = soxr.resample(samples[first:last], rate_hz, SAMPLE_RATE)
    speech = np.pad(_faded(speech), round(EDGE_S * SAMPLE_RATE))
    speech = _limited(_levelled(speech, LOUDNESS_LUFS + loudness_db))
    speech = speech + 10 ** (NOISE_FLOOR_DB / 20) * random.standard_normal(len(speech))
    finished = np.round(np.clip(speech, -1.0, 1.0) * 32767).astype(np.int16)
    duration_s = len(finished) / SAMPLE_RATE
    inner = [
        Span(label, start - start_s + EDGE_S, min(end - start_s + EDGE_S, duration_s))
        for label, start, end in _shown(phones)
        if start_s <= start < end_s
    ]
    edges = Span(SILENCE, 0.0, inner[0].start_s), Span(SILENCE, inner[-1].end_s, duration_s)
    return finished, (edges[0], *inner, edges[1])


def _shown(phones: Sequence[CarrierPhone]) -> list[tuple[str, float, float]]:
    """Label, start and end of each phone; those of one tag's sound are one, labelled with the tag."""
    shown: list[tuple[str, float, float]] = []
    for phone in phones:
        label, start_s = phone.tag or phone.label, phone.start_s
        if phone.tag and shown and shown[-1][0] == phone.tag:
            start_s = shown.pop()[1]
        shown.append((label, start_s, phone.end_s))
    return shown


def _faded(speech: Floats) -> Floats:
    """The clip with its ends faded, so that cutting it out of the carrier does not click."""
    rise, fall = (0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n) for n in (FADE_IN, FADE_OUT))
    ends = np.ones(len(speech))
    ends[:FADE_IN] *= rise[: len(speech)]
    ends[-FADE_OUT:] *= fall[::-1][-len(speech) :]
    return np.asarray(speech * ends)


def _levelled(speech: Floats, target_lufs: float) -> Floats:
    """The clip at the target loudness, measured at full scale (clear of the absolute gate) and tiled to one block."""
    import pyloudnorm

    full = speech / np.abs(speech).max()
    tiled = np.tile(full, -(-(round(LOUDNESS_BLOCK_S * SAMPLE_RATE) + 1) // len(full)))
    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(tiled)
    return np.asarray(full * 10 ** ((target_lufs - loudness) / 20))


def _limited(samples: Floats) -> Floats:
    """The clip with passages above PEAK turned down, smoothly over LIMITER_S, so that no peak is cut."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    width = 2 * round(LIMITER_S * SAMPLE_RATE / 2) + 1
    reach = maximum_filter1d(np.abs(samples), width)
    return np.asarray(samples * uniform_filter1d(np.minimum(1.0, PEAK / np.maximum(reach, PEAK)), width))
