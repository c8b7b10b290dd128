"""Analysis and resynthesis of speech by WORLD (Morise et al. 2016), and changes to its spectra.

T frames of `FRAME_S`, F = fft size / 2 + 1 frequency bins.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.005
F0_FLOOR_HZ, F0_CEIL_HZ = 60.0, 400.0
APERIODICITY_STEP = 3  # frames per measured aperiodicity, which changes slowly and costs most
DIO_SPEED = 4  # dio's decimation: a tenth of the time, same f0 after stonemask

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """WORLD parameters at `rate_hz`: f0 [T] in Hz (0 = unvoiced), log power [T, F], aperiodicity [T, F] in 0-1."""

    f0_hz: Floats
    log_power: Floats
    aperiodicity: Floats
    rate_hz: int


def analyze(samples: Floats, rate_hz: int, voiced: "NDArray[np.bool_]") -> Frames:
    """WORLD parameters of float samples [N]; `voiced` [T] says which frames are voiced, dio only how high they are.

    The frames' f0 is all zero where dio finds no pitch at all.
    """
    pyworld = _pyworld()
    samples = np.ascontiguousarray(samples)
    rough_hz, times = pyworld.dio(
        samples, rate_hz, F0_FLOOR_HZ, F0_CEIL_HZ, frame_period=1000 * FRAME_S, speed=DIO_SPEED
    )
    f0_hz = pyworld.stonemask(samples, rough_hz, times, rate_hz)
    found = np.flatnonzero(f0_hz > 0)
    if len(found) == 0:
        return _measured(samples, rate_hz, f0_hz, f0_hz)
    filled_hz = np.interp(np.arange(len(f0_hz)), found, f0_hz[found])
    return _measured(samples, rate_hz, np.where(voiced[: len(f0_hz)], filled_hz, 0.0), filled_hz)


def analyze_monotone(samples: Floats, rate_hz: int, voiced: "NDArray[np.bool_]", f0_hz: float) -> Frames:
    """WORLD parameters of float samples [N] that were spoken at one known f0 wherever they are voiced."""
    filled_hz = np.full(int(len(samples) / rate_hz / FRAME_S) + 1, f0_hz)
    return _measured(
        np.ascontiguousarray(samples), rate_hz, np.where(voiced[: len(filled_hz)], filled_hz, 0.0), filled_hz
    )


def _measured(samples: Floats, rate_hz: int, f0_hz: Floats, filled_hz: Floats) -> Frames:
    """Spectra and aperiodicity for known f0 [T]; `filled_hz` [T] has a value in unvoiced frames too, if any has."""
    pyworld = _pyworld()
    times = np.arange(len(f0_hz)) * (1000 * FRAME_S) / 1000  # to the bit as dio gives them
    power = pyworld.cheaptrick(samples, f0_hz, times, rate_hz)
    aperiodicity = np.ones_like(power)
    if filled_hz.any():
        sparse_hz, sparse_times = filled_hz[::APERIODICITY_STEP].copy(), times[::APERIODICITY_STEP].copy()
        sparse = pyworld.d4c(samples, sparse_hz, sparse_times, rate_hz, threshold=0.0)
        held = np.repeat(sparse, APERIODICITY_STEP, axis=0)[: len(f0_hz)]
        aperiodicity[f0_hz > 0] = held[f0_hz > 0]
    return Frames(f0_hz, np.log(power), aperiodicity, rate_hz)


def synthesize(frames: Frames) -> Floats:
    """Float samples [about T * FRAME_S * rate]."""
    pyworld = _pyworld()
    return np.asarray(
        pyworld.synthesize(
            np.ascontiguousarray(frames.f0_hz),
            np.exp(np.ascontiguousarray(frames.log_power)),
            np.ascontiguousarray(frames.aperiodicity),
            frames.rate_hz,
            1000 * FRAME_S,
        )
    )


def _pyworld() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it imports pkg_resources, which warns of its own end
        import pyworld
    return pyworld


def bin_frequencies(frames: Frames) -> Floats:
    """Frequency of each bin in Hz [F]."""
    return np.linspace(0.0, frames.rate_hz / 2, frames.log_power.shape[1])


def warped(spectra: Floats, ratio: float) -> Floats:
    """Spectra [T, F] with every formant moved to `ratio` times its frequency, linearly interpolated."""
    last = spectra.shape[1] - 1
    source = np.minimum(np.arange(last + 1) / ratio, last)
    low = np.minimum(source.astype(int), last - 1)
    weight = source - low
    return np.asarray(spectra[:, low] * (1.0 - weight) + spectra[:, low + 1] * weight)


def tilt_gain(frequencies_hz: Floats, db_per_octave: float) -> Floats:
    """Log-power gain [F] of a slope that turns about 1 kHz and is flat below 100 Hz and above 8 kHz."""
    octaves = np.log2(np.clip(frequencies_hz, 100.0, 8000.0) / 1000.0)
    return np.asarray(db_per_octave * octaves * np.log(10.0) / 10.0)
