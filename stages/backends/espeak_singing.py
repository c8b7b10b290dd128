"""The embedded singer: espeak-ng says the words on one pitch, WORLD gives them the melody and the character's voice.

espeak-ng is GPLv3 and is loaded from its own package in a process of its own.
The steps are plain functions: `arranged` (words, syllables, times) -> `render` (melody, voice, sound).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line
from stages.backends.espeak_carrier import Carrier
from stages.backends.espeak_engine import EspeakEngine
from stages.backends.protocols import Performance
from stages.backends.singer_breath import breaths_of, with_breaths
from stages.backends.singer_carrier import Arrangement, arranged
from stages.backends.singer_pitch import JITTER_CENTS, VIBRATO_CENTS, PitchManner, melody_of
from stages.backends.singer_timing import SungPhone, frames_of, later, moved, without_gaps
from stages.backends.singer_tone import DB, dynamics, edges, even, laid_out, tuned
from stages.backends.singer_words import CARRIER_F0_HZ
from stages.backends.world_delivery import Delivery, designed_delivery, written_delivery
from stages.backends.world_expression import UNVOICED, phone_mask, roughened, timbre
from stages.backends.world_mastering import EDGE_S, master
from stages.backends.world_vocoder import FRAME_S, Frames, analyze_monotone, synthesize

LEAD_GRID_S = 0.02  # a whole number of samples at 22.05 and at 24 kHz, and of frames: beat 0 lies on a sample
RING_DB = 4.0  # the singer's formant
MOST_BREATH, MOST_SHIMMER_DB = 0.45, 0.6
JITTER_SHARE = 0.05  # of the jitter in speech


class EspeakSinging(EspeakEngine):
    """SingingSynthesizer of the embedded engine: int16 at 24 kHz, phone labels as in espeak_carrier."""

    data = ("espeak_helper.py", "tables/delivery.toml")

    def sing(self, lines: Sequence[Line]) -> list[Performance]:
        """Raises UnspeakableTextError for a lyric that cannot be said in the line's language."""
        return [self._perform(line) for line in lines]

    def _perform(self, line: Line) -> Performance:
        if line.turn.song is None:
            raise ValueError(f"{line.take_id} has no song")
        random = generator(line.seed, "timing")
        return render(line, arranged(line.turn.song, line.language, self.speak, random))


def singing_delivery(line: Line) -> Delivery:
    """What the character and the turn's emotion make of the voice; nothing of it is pitch or time."""
    whole = designed_delivery(line.voice) + written_delivery(line.turn)
    return replace(
        whole,
        breath=min(whole.breath, MOST_BREATH),
        shimmer_db=min(whole.shimmer_db, MOST_SHIMMER_DB),
        ring_db=whole.ring_db + RING_DB,
    )


def pitch_manner(line: Line, delivery: Delivery) -> PitchManner:
    """A voice's own vibrato, deeper the more its emotion moves speech's f0."""
    own = generator("vibrato", line.character.character_id)
    depth = VIBRATO_CENTS * own.uniform(0.8, 1.1) * written_delivery(line.turn).range_ratio ** 0.25
    return PitchManner(
        vibrato_cents=depth,
        vibrato_hz=own.uniform(5.2, 6.0),
        tremor_cents=delivery.tremor_cents,
        jitter_cents=JITTER_CENTS + JITTER_SHARE * delivery.jitter_cents,
    )


def render(line: Line, arrangement: Arrangement) -> Performance:
    """The arrangement in the melody of a line's song and in the line's voice. The line has a song."""
    assert line.turn.song is not None
    score, delivery = line.turn.song.score, singing_delivery(line)
    random = generator(line.seed, "performance")
    breaths = breaths_of(arrangement, random)
    first_s = min(phone.start_s for phone in (arrangement.sung[0].phone, *(breath.phone for breath in breaths)))
    lead_s = LEAD_GRID_S * math.ceil(-first_s / LEAD_GRID_S)  # below 0: a rest at the beginning is not kept
    sung = [later(item, lead_s) for item in arrangement.sung]
    count = int(sung[-1].phone.end_s / FRAME_S) + 2
    melody = melody_of(score, _marked(sung, count, "voiced"), lead_s, pitch_manner(line, delivery), random)
    frames = replace(laid_out(_source(arrangement.carrier, delivery), sung, count), f0_hz=melody.f0_hz)
    frames = tuned(roughened(frames, delivery.shimmer_db, random))
    gain = even(frames, _marked(sung, count, "nucleus")) + edges(sung, count)
    gain += DB * dynamics(score, melody.vibrato, lead_s)
    samples = with_breaths(synthesize(replace(frames, log_power=frames.log_power + gain[:, None])), breaths, lead_s)
    phones = without_gaps([item.phone for item in sung] + [moved(breath.phone, lead_s) for breath in breaths])
    kept_s = 0.0, phones[-1].end_s
    finished, spans = master(samples, frames.rate_hz, phones, delivery.loudness_db, random, kept_s)
    return Performance(finished, SAMPLE_RATE, spans, score_start_s=EDGE_S + lead_s)


def _source(carrier: Carrier, delivery: Delivery) -> Frames:
    """The carrier's frames in the voice's timbre."""
    count = int(len(carrier.samples) / carrier.rate_hz / FRAME_S) + 1
    voiced = phone_mask(carrier.phones, count, np.array([phone.label not in UNVOICED for phone in carrier.phones]))
    frames = analyze_monotone(carrier.samples, carrier.rate_hz, voiced, CARRIER_F0_HZ)
    return timbre(frames, replace(delivery, dynamics_ratio=1.0))


def _marked(sung: Sequence[SungPhone], count: int, mark: Literal["voiced", "nucleus"]) -> NDArray[np.bool_]:
    """[count] True in the frames of the phones that are so."""
    frames = np.zeros(count, dtype=np.bool_)
    for item in sung:
        frames[frames_of(item.phone)] = getattr(item, mark)
    return frames
