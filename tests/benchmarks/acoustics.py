"""What Praat hears in a clip, as numbers: f0, energy, rate, spectral slope and voice quality. None knows the engine."""

from itertools import pairwise

import numpy as np
import parselmouth
import pyloudnorm
from numpy.typing import NDArray
from parselmouth.praat import call

from schemas.script import Language
from schemas.take import SAMPLE_RATE, Samples

STEP_S = 0.005
TREMOR_HZ = (4.5, 9.0)
BAND_EDGES_HZ = (80, 500, 1000, 2000, 3500, 5500, 8000)
PERIODS = (0, 0, 0.0001, 0.02, 1.3)  # Praat: whole clip; shortest and longest period in s; largest ratio of neighbours
VOWELS = "aeiouy"

Floats = NDArray[np.float64]


def syllables(spoken: str, language: Language) -> int:
    """Hanzi, or groups of vowel letters (a word's final silent e apart)."""
    if language == "zh":
        return sum(character.isalpha() for character in spoken)
    count = 0
    for word in spoken.lower().split():
        letters = "".join(c for c in word if c.isalpha())
        nuclei = sum(c in VOWELS and (i == 0 or letters[i - 1] not in VOWELS) for i, c in enumerate(letters))
        count += max(1, nuclei - (letters.endswith("e") and not letters.endswith("le")))
    return count


def heard(samples: Samples, spoken: str, language: Language) -> dict[str, float]:
    """Features of int16 [N] at 24 kHz; a whisper's f0 features are those of whatever Praat takes for voice.

    st: semitones above 100 Hz. `rate`: syllables a second from the first to the last sound. `high_db`: energy above
    1 kHz over that below. Bands: energy of each band over that of all, in voiced frames.
    """
    sound = parselmouth.Sound(samples / 32768.0, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=60.0, pitch_ceiling=700.0)
    f0_hz, strength = pitch.selected_array["frequency"], pitch.selected_array["strength"]
    voiced = f0_hz > 0
    if voiced.sum() < 10:
        voiced = np.ones(len(f0_hz), dtype=bool)
        f0_hz = np.full(len(f0_hz), 100.0)
    level_db = _frame_levels_db(samples, pitch.xs())
    loud = np.flatnonzero(level_db > level_db.max() - 40.0)
    loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples / 32768.0)
    return {
        "loudness_lufs": float(loudness),
        **_melody(f0_hz, voiced),
        "rate": syllables(spoken, language) / ((loud[-1] - loud[0] + 1) * STEP_S),
        "pauses": float(np.mean(level_db[loud[0] : loud[-1]] < level_db.max() - 40.0)),
        **_energy(level_db, voiced, loud),
        **_spectrum(samples, pitch.xs()[voiced]),
        **_voice(sound, pitch, strength[voiced]),
        **_periodicity(samples, pitch.xs()[voiced][::2], f0_hz[voiced][::2]),
        **_formants(sound, pitch.xs()[voiced]),
        "voiced": float(voiced[loud[0] : loud[-1] + 1].mean()),
    }


def _melody(f0_hz: Floats, voiced: NDArray[np.bool_]) -> dict[str, float]:
    st = 12 * np.log2(f0_hz[voiced] / 100.0)
    place = np.flatnonzero(voiced)
    whole = np.interp(np.arange(place[0], place[-1] + 1), place, st)
    spectrum = np.fft.rfft((whole - whole.mean()) * np.hanning(len(whole)))
    hz = np.fft.rfftfreq(len(whole), STEP_S)
    power = np.abs(spectrum) ** 2 / len(whole) ** 2
    trembling = power[(hz >= TREMOR_HZ[0]) & (hz < TREMOR_HZ[1])].sum()
    swinging = power[hz < TREMOR_HZ[0]].sum()
    third = max(len(st) // 3, 1)
    return {
        "level_st": float(np.median(st)),
        "range_st": float(np.percentile(st, 90) - np.percentile(st, 10)),
        "top_st": float(np.percentile(st, 98) - np.median(st)),
        "drift_st": float(np.median(st[-third:]) - np.median(st[:third])),
        "final_st": float(np.median(st[-12:]) - np.median(st)),
        "tremor": float(10 * np.log10(trembling + 1e-6)),
        "tremor_share": float(10 * np.log10((trembling + 1e-6) / (swinging + 1e-6))),
        "f0_step": float(np.log(np.median(np.abs(np.diff(st, 2))) + 1e-3)),
    }


def _frame_levels_db(samples: Samples, times_s: Floats) -> Floats:
    power = np.convolve((samples / 32768.0) ** 2, np.ones(480) / 480, mode="same")
    places = np.clip(np.round(times_s * SAMPLE_RATE).astype(int), 0, len(samples) - 1)
    return np.asarray(10 * np.log10(power[places] + 1e-10))


def _energy(level_db: Floats, voiced: NDArray[np.bool_], loud: NDArray[np.intp]) -> dict[str, float]:
    spoken = level_db[voiced]
    place = np.flatnonzero(voiced)
    whole = np.interp(np.arange(place[0], place[-1] + 1), place, spoken)
    power = np.abs(np.fft.rfft((whole - whole.mean()) * np.hanning(len(whole)))) ** 2 / len(whole) ** 2
    hz = np.fft.rfftfreq(len(whole), STEP_S)
    return {
        "energy_db": float(10 * np.log10(np.mean(10 ** (level_db[loud] / 10)))),
        "dynamics_db": float(np.percentile(spoken, 95) - np.percentile(spoken, 25)),
        "energy_slope": float(np.polyfit(np.linspace(-1, 1, len(spoken)), spoken, 1)[0]),
        "energy_tremor": float(10 * np.log10(power[(hz >= TREMOR_HZ[0]) & (hz < TREMOR_HZ[1])].sum() + 1e-3)),
    }


def _spectrum(samples: Samples, times_s: Floats) -> dict[str, float]:
    places = np.clip(np.round(times_s[::2] * SAMPLE_RATE).astype(int), 360, len(samples) - 361)
    frames = samples[places[:, None] + np.arange(-360, 360)] / 32768.0 * np.hanning(720)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).sum(axis=0)
    hz = np.fft.rfftfreq(720, 1 / SAMPLE_RATE)
    bands = np.array([power[(hz >= lo) & (hz < hi)].sum() for lo, hi in pairwise(BAND_EDGES_HZ)])
    shares_db = 10 * np.log10(bands / bands.sum() + 1e-9)
    high_db = 10 * np.log10(bands[2:5].sum() / bands[:2].sum())
    peaks = 10 * np.log10(power[(hz >= 2000) & (hz < 5000)].max() / power[hz < 2000].max())
    return {"high_db": float(high_db), "hammarberg_db": float(-peaks)} | {
        f"band{index}_db": float(share) for index, share in enumerate(shares_db)
    }


def _voice(sound: parselmouth.Sound, pitch: parselmouth.Pitch, strength: Floats) -> dict[str, float]:
    """Harmonics-to-noise ratio from the tracker's own correlation, jitter and shimmer (local), as logarithms."""
    pulses = call([sound, pitch], "To PointProcess (cc)")
    sure = np.clip(strength, 0.01, 0.999)
    found = {
        "hnr_db": float(np.mean(10 * np.log10(sure / (1 - sure)))),
        "jitter": np.log(call(pulses, "Get jitter (local)", *PERIODS) + 1e-4),
        "shimmer": np.log(call([sound, pulses], "Get shimmer (local)", *PERIODS, 1.6) + 1e-3),
    }
    return {name: float(value) if np.isfinite(value) else 0.0 for name, value in found.items()}


def _periodicity(samples: Samples, times_s: Floats, f0_hz: Floats) -> dict[str, float]:
    """Cepstral peak prominence (peak between 60 and 600 Hz over the mean there), and how like itself a period later the
    signal is below and above 1.5 kHz (the correlation r as 10 log10 r / (1 - r), mean over frames)."""
    places = np.clip(np.round(times_s * SAMPLE_RATE).astype(int), 512, len(samples) - 513)
    frames = samples[places[:, None] + np.arange(-512, 512)] / 32768.0 * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames, 2048, axis=1)) ** 2 + 1e-9
    cepstra = np.abs(np.fft.irfft(10 * np.log10(power), axis=1))[:, SAMPLE_RATE // 600 : SAMPLE_RATE // 60]
    hz = np.fft.rfftfreq(2048, 1 / SAMPLE_RATE)
    found = {"cpp_db": float(np.mean(20 * np.log10(cepstra.max(axis=1) / cepstra.mean(axis=1))))}
    for name, low_hz, high_hz in (("low_hnr_db", 60, 1500), ("high_hnr_db", 1500, 5000)):
        band = (hz >= low_hz) & (hz < high_hz)
        wave = np.cos(2 * np.pi * hz[band] / f0_hz[:, None])
        likeness = np.clip((power[:, band] * wave).sum(axis=1) / power[:, band].sum(axis=1), 0.01, 0.99)
        found[name] = float(np.mean(10 * np.log10(likeness / (1 - likeness))))
    return found


def _formants(sound: parselmouth.Sound, times_s: Floats) -> dict[str, float]:
    """Median formants of the voiced frames, in semitones above 1 kHz."""
    formants = sound.to_formant_burg(0.01, 5, 6000.0, 0.025, 50.0)
    values = {n: np.array([formants.get_value_at_time(n, t) for t in times_s[::3]]) for n in (1, 2, 3, 4)}
    return {
        f"f{n}_st": float(12 * np.log2(np.nanmedian(found) / 1000.0)) if np.isfinite(found).any() else 0.0
        for n, found in values.items()
    }
