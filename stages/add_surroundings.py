"""Put users into rooms: reverberation and steady noise on what a microphone would hear of them.

Only users: an assistant's turns are what a model learns to say, and stay clean. Takes are measured clean, so this comes
after all measuring and before tokenization.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line, Samples, Surroundings, Take

Floats = NDArray[np.float64]

WET_DB = (-15.0, -3.0)
"""Energy of all reflections over that of the direct sound: speech from half a metre to two metres away."""
NOISES = {"white": 0.0, "pink": -0.5, "brown": -1.0, "hum": -1.0}
"""Exponents of amplitude over frequency; a hum has the harmonics of the mains besides."""
LOWEST_HZ = 50.0
MAINS_HZ = (50.0, 60.0)
MAINS_HARMONICS = 12
FIRST_REFLECTION_S, DIFFUSE_S = 0.004, 0.03
"""Single reflections arrive between the two, from walls a metre to ten away; after that they are too many to tell."""
REFLECTIONS = 8
ACTIVE_DB = 30.0
"""Blocks this far below the loudest are pauses: the level of speech is that of the others."""
BLOCK = SAMPLE_RATE // 50
PEAK = 0.99


@dataclass(frozen=True)
class AddSurroundings:
    """Take -> the same Take, or, for a `share` of the users of dialogues, one in a room, which it then names.

    A user has one room throughout a dialogue, whatever the attempt. Length and RMS stay, lower only where a peak would
    clip. Reverberation time and level of speech over noise are drawn evenly from `rt60_s` and `snr_db`.
    """

    share: float
    seed: int
    rt60_s: tuple[float, float] = (0.15, 0.6)
    snr_db: tuple[float, float] = (10.0, 30.0)

    def open(self) -> None: ...

    def process(self, takes: Sequence[Take]) -> list[Take]:
        return [self._surrounded(take) for take in takes]

    def close(self) -> None: ...

    def _surrounded(self, take: Take) -> Take:
        place = self.place(take.line)
        if place is None:
            return take
        return replace(take, samples=surrounded(take.samples, place, take.line, self.seed), surroundings=place)

    def place(self, line: Line) -> Surroundings | None:
        """Where the line is spoken; None for clean takes."""
        random = generator(self.seed, "surroundings", line.dialogue_id, line.character.character_id)
        if line.turn.role != "user" or random.random() >= self.share:
            return None
        return Surroundings(
            rt60_s=round(random.uniform(*self.rt60_s), 3),
            wet_db=round(random.uniform(*WET_DB), 1),
            snr_db=round(random.uniform(*self.snr_db), 1),
            noise=str(random.choice(list(NOISES))),
        )


def surrounded(samples: Samples, place: Surroundings, line: Line, seed: int) -> Samples:
    """int16 [N] at 24 kHz as heard in the place: the room is the dialogue's, the noise the utterance's."""
    from scipy.signal import oaconvolve

    clean = samples / 32768.0
    room = room_response(place, generator(seed, "room", line.dialogue_id, line.character.character_id))
    wet = oaconvolve(clean, room)[: len(clean)]
    noise = steady_noise(place.noise, len(clean), generator(seed, "noise", line.utterance_id))
    noise *= np.sqrt(speech_power(wet) / np.mean(noise**2)) * 10 ** (-place.snr_db / 20)
    heard = wet + noise
    heard *= np.sqrt(np.mean(clean**2) / np.mean(heard**2))
    heard *= min(1.0, PEAK / float(np.abs(heard).max()))
    return np.asarray(np.round(heard * 32767), dtype=np.int16)


def room_response(place: Surroundings, random: np.random.Generator) -> Floats:
    """The direct sound, a few early reflections, and noise that falls by 60 dB in rt60_s, cut there.

    The statistical model of a room (Schroeder 1962; early reflections as in Moorer 1979), not an image of walls.
    """
    times = np.arange(round(place.rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    decay = 10 ** (-3 * times / place.rt60_s)
    diffuse = random.standard_normal(len(times)) * (times >= DIFFUSE_S)
    density = 1 / np.sqrt(SAMPLE_RATE * (DIFFUSE_S - FIRST_REFLECTION_S) / REFLECTIONS)
    first = (random.uniform(FIRST_REFLECTION_S, DIFFUSE_S, REFLECTIONS) * SAMPLE_RATE).astype(int)
    early = np.zeros(len(times))
    np.add.at(early, first, random.choice((-1.0, 1.0), REFLECTIONS) / density)
    reflections = (early + diffuse) * decay
    response = reflections * np.sqrt(10 ** (place.wet_db / 10) / np.sum(reflections**2))
    response[0] = 1.0
    return np.asarray(response)


def steady_noise(noise: str, length: int, random: np.random.Generator) -> Floats:
    """[length] of a noise of NOISES, at no particular level; silent below LOWEST_HZ."""
    frequencies_hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    gains = np.maximum(frequencies_hz, LOWEST_HZ) ** NOISES[noise] * (frequencies_hz >= LOWEST_HZ)
    coloured = np.fft.irfft(np.fft.rfft(random.standard_normal(length)) * gains, length)
    if noise != "hum":
        return np.asarray(coloured)
    phases = 2 * np.pi * random.choice(MAINS_HZ) * np.arange(length) / SAMPLE_RATE
    tones = [np.sin(k * phases + random.uniform(0, 2 * np.pi)) / k for k in range(1, MAINS_HARMONICS + 1)]
    return np.asarray(np.sum(tones, axis=0) + coloured / coloured.std() / 4)


def speech_power(samples: Floats) -> float:
    """Mean power of the blocks of 20 ms that are no pauses."""
    blocks = np.resize(samples, -(-len(samples) // BLOCK) * BLOCK).reshape(-1, BLOCK)
    powers = np.mean(blocks**2, axis=1)
    return float(powers[powers >= powers.max() * 10 ** (-ACTIVE_DB / 10)].mean())
