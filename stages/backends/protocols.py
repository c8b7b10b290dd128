"""What a back end must do, one Protocol per capability.

Contract of all of them: `open()` loads models (SDKs are imported there, not at module import), `close()` frees
them; a batch method returns exactly one result per input, in the input's order, and each result depends on its
own input alone. A back end that cannot do a record raises, or, where the others of the batch are well, gives the
exception in the place of that record's result; it never returns an empty or partial result.
Stages may share a back end, so `open()` of an open one and `close()` of a closed one do nothing.
`fingerprint` is a digest of the data that shapes the output besides the input (weights, tables, models); the code and
the packages it imports are digested by `pipelines/shape.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from schemas.script import Character, DialoguePlan, Language, Script
from schemas.tags import Tag
from schemas.take import Codes, Line, Samples, Span, Vector, Voice


@dataclass(frozen=True)
class Performance:
    """What a synthesizer returns for one line: int16 [N] at `rate_hz`, mono, and the phone alignment (may be empty).

    Of a song, `score_start_s` says where in the samples beat 0 of its score lies; before them, where the score begins
    with a rest that is not kept.
    """

    samples: Samples
    rate_hz: int
    phones: tuple[Span, ...]
    score_start_s: float | None = None


@dataclass(frozen=True)
class Hearing:
    """What a transcriber heard in one clip, compared with what should have been said.

    `hypothesis` and `reference` are space-separated units (phones, words or characters), `gap` and `worst_gap` in
    nats per unit, None for back ends without such a score; so are the next five (see `schemas.take.Measures`), and
    `tags` is empty for those that name no language, emotion or event.
    """

    hypothesis: str
    reference: str
    error_rate: float
    length_ratio: float
    fallback_share: float = 0.0
    gap: float | None = None
    worst_gap: float | None = None
    repetition: float | None = None
    language_agrees: float | None = None
    compression_ratio: float | None = None
    mean_log_probability: float | None = None
    no_speech_probability: float | None = None
    tags: tuple[str, ...] = ()


class Backend(Protocol):
    """Life cycle shared by all back ends."""

    name: str

    @property
    def fingerprint(self) -> str: ...
    def open(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Usage:
    """What a result cost, whether it was paid for now or in an earlier run."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.usd + other.usd,
        )


@dataclass(frozen=True)
class Written:
    """A script, and what it cost."""

    script: Script
    usage: Usage = Usage()


@dataclass(frozen=True)
class ScriptVerdict:
    """Whether a script may be performed: rejected when there is a reason, "RULE: details". `score` is in 0..1."""

    reason: str | None = None
    score: float | None = None
    usage: Usage = Usage()


class Answers(Protocol):
    """Answers that were paid for, by digest of their requests: the same request is never paid for twice.

    Also the purse: `reserve` blocks while requests in flight could still leave room, and raises CostLimitError when
    `usd` more could pass the limit of the run; every `reserve` is followed by one `keep` or one `release`.
    """

    def find(self, digest: str) -> dict[str, Any] | None: ...
    def reserve(self, usd: float) -> None: ...
    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None: ...
    def release(self, reserved_usd: float) -> None: ...
    def disown(self, digest: str) -> None:
        """The answer is of no use, and its record failed of it: it stays, and is found, unless failures are retried."""


@runtime_checkable
class Served(Protocol):
    """A back end that asks an endpoint. It bounds its own requests: nobody else decides that it hangs."""

    def probe(self) -> None:
        """One tiny request. Raises OutageError that names endpoint, cause and remedy if it is not answered."""


@runtime_checkable
class Paid(Served, Protocol):
    """One that keeps the answers: it is given where to, before it is opened."""

    def use(self, answers: Answers) -> None: ...


class ScriptWriter(Backend, Protocol):
    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]: ...


class ScriptJudge(Backend, Protocol):
    def judge(self, scripts: Sequence[Script]) -> list[ScriptVerdict | Exception]: ...


class SpeechSynthesizer(Backend, Protocol):
    """`tags` says how the back end wants each tag written that it performs; what is not in it is dropped from
    `Line.tagged` before it gets the line, and the row says so."""

    tags: Mapping[Tag, str]

    def design(self, character: Character) -> Voice:
        """A voice for the character: deterministic, and never one voice for a user and an assistant. Distinct for
        distinct character ids where the back end makes voices; one that has a few shares them out."""

    def synthesize(self, lines: Sequence[Line]) -> Sequence[Performance | Exception]:
        """A line whose voice has no reference is that voice's first: what is made of it becomes the reference."""


class SingingSynthesizer(Backend, Protocol):
    def sing(self, lines: Sequence[Line]) -> Sequence[Performance | Exception]:
        """Every line has a song (`line.turn.song`), whose score is followed to the millisecond and in its key; the
        performance says where beat 0 lies. The voice is the character's, as the speech back end designed it."""


class Transcriber(Backend, Protocol):
    def transcribe(
        self,
        clips: Sequence[Samples],
        texts: Sequence[str],
        languages: Sequence[Language],
        sung: Sequence[bool] = (),
    ) -> list[Hearing]:
        """Clips are int16 [N] at 24 kHz; texts are the spoken (normalized) words. `sung` says which clips are sung
        (none where it is empty): there the melody takes the place of lexical tones, which are neither expected nor
        reported."""


class QualityScorer(Backend, Protocol):
    def score(self, clips: Sequence[Samples]) -> list[dict[str, float]]:
        """Measures by name (fields of `Measures`), one dict per int16 [N] clip at 24 kHz."""


class SpeakerEncoder(Backend, Protocol):
    """Who speaks, as a direction in space: clips of one voice point the same way, whatever they say and feel."""

    width: int

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        """Unit vectors float32 [width], one per int16 [N] clip at 24 kHz."""


class AudioCodec(Backend, Protocol):
    """A discrete codec: `encode` gives uint16 [T, K], `decode` gives int16 [N] at `sample_rate`."""

    sample_rate: int
    frame_rate: float
    num_codebooks: int
    cardinality: int

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        """Clips are int16 [N] at 24 kHz."""

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]: ...
