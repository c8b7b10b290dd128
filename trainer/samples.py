"""What a dialogue teaches: chat samples of its kind, and speech synthesis and recognition of its turns. No tokens
here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from schemas.phones import TONES
from schemas.script import Language
from schemas.tokens import PHONES, SPEAKER
from trainer.word_times import readings, tokens, word_times

Task = Literal["tts", "asr", "reading", "conversation", "roleplay", "singing"]
TASKS: tuple[Task, ...] = get_args(Task)

TTS_REQUEST = "Convert the text to speech.\n"
ASR_REQUEST = "Convert the speech to text.\n"
VOICE_LINE = f"Your Voice Embedding: {SPEAKER}."
READING_SYSTEM = f"Read in text-audio interleaved manner.\n{VOICE_LINE}"
CHAT_SYSTEM = f"Respond in text-audio interleaved manner.\n{VOICE_LINE}"
PUNCTUATION = ",.?!;:…—，。？！；：、"
"""Requests and system lines are those of VITA-QinYu, that of reading excepted. PUNCTUATION is what pauses."""


@dataclass(frozen=True)
class Message:
    """One message: its text, and its audio as codes [T, K] where it has any. `score` is a row's score column if sung.
    A reading has its `units`, each with its start in seconds (none, where the score says when).
    """

    role: Literal["system", "user", "assistant"]
    text: str = ""
    codes: NDArray[np.uint16] | None = None
    score: Mapping[str, Any] | None = None
    units: tuple[tuple[str, float], ...] | None = None


@dataclass(frozen=True)
class Sample:
    """A conversation to learn from: what the assistant says in it. `speaker` [D] is how the assistant sounds."""

    sample_id: str
    task: Task
    messages: tuple[Message, ...]
    speaker: NDArray[np.float32] | None = None


def samples(row: Mapping[str, Any], heard: bool = True) -> Iterator[Sample]:
    """All samples of a row of the dialogues table: the chat, then every turn to speak, to read and to recognize. The
    user of the chat is `heard`, or else read.

    To be spoken or read: turns that are neither whispered nor shouted, since no request names the style. What is sung
    is read with its score, and not spoken. To be recognized: all but humming.
    """
    yield chat(row, heard)
    for turn in row["turns"]:
        sung = turn["song"] is not None
        if sung or is_said(turn):
            yield reading(turn, voice(row, turn["role"]), row["language"])
        if is_said(turn):
            yield tts(turn, voice(row, turn["role"]))
        if not (sung and turn["song"]["hummed"]):
            yield asr(turn)


def is_said(turn: Mapping[str, Any]) -> bool:
    """Whether a turn is spoken, and neither whispered nor shouted."""
    return turn["song"] is None and turn["style"] == "plain"


def chat(row: Mapping[str, Any], heard: bool = True) -> Sample:
    """The whole dialogue: the assistant replies in text and audio. Its task is the row's kind. A back-channel is no
    message."""
    first = row["messages"][0]
    system = first["content"] if first["role"] == "system" else CHAT_SYSTEM
    turns = [turn for turn in row["turns"] if turn["overlap"] != "backchannel"]
    messages = [user(turn, heard) if turn["role"] == "user" else reply(turn) for turn in turns]
    return Sample(row["dialogue_id"], row["kind"], (Message("system", system), *messages), voice(row, "assistant"))


def reading(turn: Mapping[str, Any], speaker: NDArray[np.float32], language: Language) -> Sample:
    """A given text read aloud, or a given score sung: each phone, or note, stands right before its sound. A small model
    learns this long before it finds its place in a text that stands in the request, as in `tts`."""
    words = () if turn["score"] else timed_words(turn, language)
    said = replace(reply(turn), units=tuple(unit for word in words for unit in word))
    return Sample(f"{turn['utterance_id']}-reading", "reading", (Message("system", READING_SYSTEM), said), speaker)


def in_units(spoken: str, language: Language) -> tuple[str, ...]:
    """A normalized text as readings have it: a unit a phone, with its tone, so that a small corpus need not teach
    spelling; punctuation with the phone before it. A word that no dictionary has is one unit, in letters."""
    return tuple(unit for word in _units(tokens(spoken, language), language) for unit in word)


def _units(words: Sequence[str], language: Language) -> list[tuple[str, ...]]:
    """Those of each word."""
    return [_of_word(word, phones) for word, phones in zip(words, readings(words, language), strict=True)]


def _of_word(word: str, phones: Sequence[str] | None) -> tuple[str, ...]:
    if phones is None:
        return (f" {word}",)
    units: list[str] = []
    for phone in phones:
        if phone in TONES:
            units[-1] += PHONES[phone]
        else:
            units.append(PHONES[phone])
    units[-1] += "".join(character for character in word if character in PUNCTUATION)
    return tuple(units)


Timed = tuple[tuple[str, float], ...]
"""The units of a word, each with its start in seconds."""

_TIMED: dict[tuple[str, Language, str, float], tuple[Timed, ...]] = {}
"""Words already timed, by utterance, its text and length: every epoch wants them again, and another corpus may have
another utterance of that name."""


def timed_words(turn: Mapping[str, Any], language: Language) -> tuple[Timed, ...]:
    """The words of a turn in units. Those of a word share its time alike: a frame is as long as a phone, and
    dictionaries and voices seldom agree on every one."""
    key = turn["utterance_id"], language, turn["spoken"], turn["duration_s"]
    if key not in _TIMED:
        timed = word_times({**turn, "language": language, "measures": {}})
        _TIMED[key] = tuple(
            tuple((unit, start_s + (end_s - start_s) * place / len(word)) for place, unit in enumerate(word))
            for word, (start_s, end_s) in zip(_units(timed.words, language), timed.spans, strict=True)
        )
    return _TIMED[key]


def tts(turn: Mapping[str, Any], speaker: NDArray[np.float32]) -> Sample:
    """A text to be spoken in a voice."""
    messages = (Message("system", VOICE_LINE), Message("user", TTS_REQUEST + turn["text"]), _audio("assistant", turn))
    return Sample(f"{turn['utterance_id']}-tts", "tts", messages, speaker)


def asr(turn: Mapping[str, Any]) -> Sample:
    """Speech or song to be written down."""
    request = Message("user", ASR_REQUEST, _codes(turn))
    return Sample(f"{turn['utterance_id']}-asr", "asr", (request, Message("assistant", turn["text"])))


def user(turn: Mapping[str, Any], heard: bool = True) -> Message:
    """What the user says, as it is heard or read."""
    return _audio("user", turn) if heard else Message("user", turn["text"])


def reply(turn: Mapping[str, Any]) -> Message:
    """What the assistant says: text and audio, or a melody with its words and audio."""
    return Message("assistant", turn["text"], _codes(turn), turn["score"])


def voice(row: Mapping[str, Any], role: str) -> NDArray[np.float32]:
    """The speaker vector [D] of one side."""
    return np.asarray(row["characters"][role]["speaker_vector"], np.float32)


def _audio(role: Literal["user", "assistant"], turn: Mapping[str, Any]) -> Message:
    return Message(role, "", _codes(turn))


def _codes(turn: Mapping[str, Any]) -> NDArray[np.uint16]:
    return np.asarray(turn["codes"], np.uint16)
