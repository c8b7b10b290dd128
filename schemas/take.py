"""What is performed and what is heard: lines, voices, takes, codes, measures and verdicts."""

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from schemas.script import Character, Kind, Language, Script, Turn
from schemas.tags import Tag

SAMPLE_RATE = 24_000
"""Sample rate of every take in Hz; a back end's other rate is resampled on arrival and noted."""

Samples = NDArray[np.int16]
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Voice:
    """How a character sounds on one back end; the same for all lines of that character.

    `traits` are named numbers in the back end's own terms (the embedded engine: see `espeak_voice`). `reference` is the
    voice heard once, int16 [N] at 24 kHz: every take is compared with it.
    """

    voice_id: str
    engine: str
    traits: dict[str, float]
    reference: Samples | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class CastScript:
    """A script whose two characters have voices."""

    script: Script
    user: Voice
    assistant: Voice

    def voice(self, turn: Turn) -> Voice:
        return self.user if turn.role == "user" else self.assistant


@dataclass(frozen=True)
class Line:
    """One turn to be performed once: everything a synthesizer needs, and the seed of this attempt.

    `spoken` is the turn's text normalized to words that a voice can say; `tagged` is the same with its tags
    (`schemas.tags`) where they stand, empty for a text without any.
    """

    dialogue_id: str
    turn_index: int
    attempt: int
    seed: int
    kind: Kind
    language: Language
    turn: Turn
    spoken: str
    character: Character
    voice: Voice
    tagged: str = ""

    @property
    def utterance_id(self) -> str:
        return f"{self.dialogue_id}-t{self.turn_index:02d}"

    @property
    def take_id(self) -> str:
        return f"{self.utterance_id}-a{self.attempt}"


@dataclass(frozen=True)
class Span:
    """A labelled stretch of audio, in seconds from the start of the take."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Measures:
    """Everything heard in a take. None means: not measured. Units are in the names."""

    error_rate: float | None = None  # phone edits / reference phones (word or character edits for other ears)
    gap: float | None = None  # CTC loss of the reference minus that of the best path, nats per reference phone
    worst_gap: float | None = None  # the same over the worst word or syllable
    length_ratio: float | None = None  # hypothesis length / reference length
    fallback_share: float | None = None  # share of reference words whose phones came from the engine itself
    repetition: float | None = None  # share of the hypothesis in phrases said again at once, less the reference's own
    language_agrees: float | None = None  # 1 where the language heard is that of the line, else 0
    compression_ratio: float | None = None  # whisper's: bytes of its text / bytes when packed, the worst segment's
    mean_log_probability: float | None = None  # whisper's: nats per token of its text
    no_speech_probability: float | None = None  # whisper's: that a segment holds no speech, the worst segment's
    f0_mean_hz: float | None = None
    f0_range_st: float | None = None  # 5th to 95th percentile, semitones
    voiced_share: float | None = None
    f0_audit_cents: float | None = None  # median |Praat - pyin| where both are voiced; seeded sample only
    dnsmos_ovrl: float | None = None
    dnsmos_sig: float | None = None
    dnsmos_bak: float | None = None
    dnsmos_p808: float | None = None
    snr_db: float | None = None
    clipped_share: float | None = None
    leading_silence_s: float | None = None
    trailing_silence_s: float | None = None
    hnr_db: float | None = None
    jitter: float | None = None
    shimmer: float | None = None
    loudness_lufs: float | None = None
    seconds_per_character: float | None = None
    speaker_similarity: float | None = None  # cosine of the take's speaker vector and the reference's
    raw_pitch_accuracy: float | None = None  # share of sung frames within 50 cents of the score (see `sung_pitch`)
    raw_chroma_accuracy: float | None = None  # the same, octaves folded
    voicing_recall: float | None = None  # share of the score's sung frames that are voiced
    voicing_false_alarm: float | None = None  # share of its rests that are voiced
    sounding_share: float | None = None  # share of all frames of notes, their consonants among them, that are voiced
    f0_rmse_cents: float | None = None  # against the score, where both are voiced
    note_error_cents: float | None = None  # median over notes of |a note's median pitch - the score's|
    worst_note_cents: float | None = None  # the largest of these among notes of 150 ms and more
    wrong_note_share: float | None = None  # share of all notes, short ones too, that are off by more than 60 cents
    onset_shift_s: float | None = None  # median signed distance of the vowel onsets from the score's
    onset_error_s: float | None = None  # 95th percentile of its magnitude

    def as_dict(self) -> dict[str, float | None]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


MEASURES: tuple[str, ...] = tuple(f.name for f in fields(Measures))


@dataclass(frozen=True)
class Codes:
    """Tokens of one take: uint16 [T, K], undelayed, and what is needed to decode them."""

    values: NDArray[np.uint16]
    codec: str
    sample_rate: int
    frame_rate: float
    cardinality: int


@dataclass(frozen=True)
class Surroundings:
    """The room and noise that were added to a clean take: reverberation time, share of reverberant energy, and the
    level of the speech above a noise of the named colour."""

    rt60_s: float
    wet_db: float
    snr_db: float
    noise: str


@dataclass(frozen=True)
class SungNote:
    """A note where the score puts it in the take, and how it was heard: its median pitch less the score's, and its
    vowel's onset less the score's. None: nothing to hear it by (unvoiced, or a slur's onset)."""

    midi: int
    syllable: str
    slur: bool
    start_s: float
    end_s: float
    pitch_error_cents: float | None = None
    onset_error_s: float | None = None


@dataclass(frozen=True)
class Take:
    """One performed line: int16 audio [N] at 24 kHz, its alignment, and what the later stages heard in it.

    `speaker` is the vector [D] of the voice's reference. `surroundings`, if any, were added after all measures were
    taken. `dropped_tags` are the tags of the line that the back end cannot perform; `heard_tags` what a recognizer says
    of the sound besides its words: language, emotion, event. Of a song, `score_start_s` is where beat 0 of the score
    lies in the take, and `notes` are the score's, one for one.
    """

    line: Line
    samples: Samples
    native_rate_hz: int
    phones: tuple[Span, ...]
    hypothesis: str = ""
    reference: str = ""
    measures: Measures = field(default_factory=Measures)
    codes: Codes | None = None
    dropped_tags: tuple[Tag, ...] = ()
    heard_tags: tuple[str, ...] = ()
    speaker: Vector | None = None
    surroundings: Surroundings | None = None
    score_start_s: float | None = None
    notes: tuple[SungNote, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True)
class Miss:
    """One measure outside its limit. `gap` is the distance in units of the limit's scale."""

    measure: str
    value: float
    limit: float
    gap: float


@dataclass(frozen=True)
class Verdict:
    """What `judge` says of a take: accepted when there are no misses."""

    misses: tuple[Miss, ...]

    @property
    def accepted(self) -> bool:
        return not self.misses

    @property
    def reason(self) -> str:
        return "; ".join(f"{m.measure}={m.value:.4g} (limit {m.limit:.4g})" for m in self.misses)


@dataclass(frozen=True)
class DeadLetter:
    """A record that a broken back end could not process. Kept, counted, and replayable."""

    stage: str
    dialogue_id: str
    record_id: str
    attempt: int
    cause: str
