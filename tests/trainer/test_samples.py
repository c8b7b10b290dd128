from itertools import chain
from typing import Any

import numpy as np
import pytest

from tests.trainer.tiny import dialogues, drawn_codes, person, row, score, song, turn
from trainer.samples import CHAT_SYSTEM, READING_SYSTEM, TASKS, Message, Sample, in_units, reading, samples

READINGS = {
    "hi": ["HH", "AY"],
    "you": ["Y", "UW"],
    "hello": ["HH", "AH", "L", "OW"],
    "my": ["M", "AY"],
    "friend": ["F", "R", "EH", "N", "D"],
    "well": ["W", "EH", "L"],
    "yes": ["Y", "EH", "S"],
    "今": ["j", "in|><|phone_1"],
    "天": ["t", "ian|><|phone_1"],
    "你": ["n", "i|><|phone_2"],
    "好": ["h", "ao|><|phone_3"],
    "吗": ["m", "a|><|phone_5"],
}
VOICES = {role: np.array(person(f"d-{role}")["speaker_vector"], np.float32) for role in ("user", "assistant")}


def plain(message: Message) -> tuple[object, ...]:
    codes = None if message.codes is None else (message.codes.dtype, message.codes.tolist())
    return message.role, message.text, codes, message.score, message.units


def same(found: Sample, wanted: Sample) -> bool:
    assert (found.sample_id, found.task) == (wanted.sample_id, wanted.task)
    assert [plain(message) for message in found.messages] == [plain(message) for message in wanted.messages]
    if wanted.speaker is None or found.speaker is None:
        return found.speaker is wanted.speaker
    return found.speaker.dtype == np.float32 and np.array_equal(found.speaker, wanted.speaker)


def in_phones(word: str, mark: str = "") -> list[str]:
    """A word of the tests in units of a reading: a phone each, with its tone; punctuation with the last."""
    *before, last = (f"<|phone_{phone}|>" for phone in READINGS[word])
    return [*before, last + mark]


def phones_of(word: str, duration_s: float) -> tuple[tuple[str, float], ...]:
    """A word's phones, spread over so much sound."""
    units = in_phones(word)
    return tuple((unit, duration_s * place / len(units)) for place, unit in enumerate(units))


def taught(name: str, text: str, speaker: np.ndarray) -> list[Sample]:
    """What a plain turn of a word teaches: to read it, to speak it, to write it down."""
    codes = drawn_codes(6, name)
    reads = (Message("system", READING_SYSTEM), Message("assistant", text, codes, units=phones_of(text, 0.48)))
    asked = Message("user", f"Convert the text to speech.\n{text}")
    speaks = (Message("system", "Your Voice Embedding: <|speaker|>."), asked, Message("assistant", "", codes))
    writes = (Message("user", "Convert the speech to text.\n", codes), Message("assistant", text))
    return [
        Sample(f"{name}-reading", "reading", reads, speaker),
        Sample(f"{name}-tts", "tts", speaks, speaker),
        Sample(f"{name}-asr", "asr", writes, None),
    ]


def test_a_conversation_teaches_to_answer_and_each_turn_to_read_to_speak_and_to_write_down() -> None:
    made = list(samples(row("d", [turn("u", "user", "hi"), turn("a", "assistant", "hello")])))
    heard, said = Message("user", "", drawn_codes(6, "u")), Message("assistant", "hello", drawn_codes(6, "a"))
    wanted = [
        Sample("d", "conversation", (Message("system", CHAT_SYSTEM), heard, said), VOICES["assistant"]),
        *taught("u", "hi", VOICES["user"]),
        *taught("a", "hello", VOICES["assistant"]),
    ]
    assert all(same(one, other) for one, other in zip(made, wanted, strict=True))


def test_the_user_is_read_where_not_heard() -> None:
    chat = next(samples(row("d", [turn("u", "user", "hi"), turn("a", "assistant", "hello")]), heard=False))
    assert [plain(message)[:3] for message in chat.messages[:2]] == [
        ("system", "Respond in text-audio interleaved manner.\nYour Voice Embedding: <|speaker|>.", None),
        ("user", "hi", None),
    ]
    assert chat.messages[2].codes is not None


def test_a_role_keeps_its_own_system_message() -> None:
    played = dialogues()[-1]
    chat = next(samples(played))
    assert chat.task == "roleplay"
    assert chat.messages[0] == Message("system", played["messages"][0]["content"])
    assert [message.role for message in chat.messages] == ["system", "user", "assistant"]


def test_a_backchannel_is_no_message_yet_is_spoken() -> None:
    turns = [
        turn("u", "user", "so then"),
        turn("b", "assistant", "mhm", overlap="backchannel"),
        turn("a", "assistant", "go on", overlap="interrupts"),
    ]
    made = list(samples(row("d", turns)))
    assert [message.text for message in made[0].messages[1:]] == ["", "go on"]
    assert [sample.sample_id for sample in made if sample.sample_id.startswith("b")] == ["b-reading", "b-tts", "b-asr"]


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        ({}, ["reading", "tts", "asr"]),
        ({"style": "whisper"}, ["asr"]),
        ({"style": "shout"}, ["asr"]),
        ({"song": song()}, ["reading", "asr"]),
        ({"song": song(), "style": "shout"}, ["reading", "asr"]),
        ({"song": song(hummed=True)}, ["reading"]),
    ],
)
def test_what_a_turn_teaches_depends_on_its_style_and_song(changes: dict[str, object], tasks: list[str]) -> None:
    made = samples(row("d", [turn("a", "assistant", "la", **changes)]))
    assert [sample.task for sample in made][1:] == tasks
    assert set(tasks) <= set(TASKS)


def test_a_song_is_read_with_its_score() -> None:
    written = score((60, 0.0, 1.0, "la"))
    turns = [turn("u", "user", "sing"), turn("a", "assistant", "La.", song=song(), score=written)]
    chat, *others = samples(row("d", turns, "singing"))
    assert chat.task == "singing"
    assert chat.messages[-1].score == written
    read = next(one for one in others if one.sample_id == "a-reading").messages[-1]
    assert (read.score, read.units) == (written, ())
    assert chat.messages[-1].units is None
    assert next(one for one in others if one.sample_id == "a-asr").messages[-1] == Message("assistant", "La.")


def phones(*labels: tuple[str, float, float]) -> list[dict[str, object]]:
    return [dict(zip(("label", "start_s", "end_s"), phone, strict=True)) for phone in labels]


def test_words_are_read_where_their_phones_are() -> None:
    made = phones(
        ("sil", 0.0, 0.2), ("h", 0.2, 0.3), ("aI", 0.3, 0.5), ("sil", 0.5, 0.9), ("j", 0.9, 1.0), ("u:", 1.0, 1.4)
    )
    said = turn("two", "user", "Hi, 2 you!", spoken="Hi, you!", duration_s=1.6, phones=made)
    message = reading(said, VOICES["user"], "en").messages[-1]
    assert (message.text, message.score) == ("Hi, 2 you!", None)
    assert message.units == tuple(
        zip([*in_phones("hi", ","), *in_phones("you", "!")], (0.2, 0.35, 0.9, 1.15), strict=True)
    )


def test_words_without_phones_are_spread_over_the_sound() -> None:
    said = turn("spread", "user", "hi zqrk", duration_s=1.2)
    words = reading(said, VOICES["user"], "en").messages[-1].units
    assert words is not None
    assert [word for word, _ in words] == [*in_phones("hi"), " zqrk"]  # what no dictionary has is spelled
    assert [start_s for _, start_s in words] == pytest.approx([0.0, 0.2, 0.4])


def test_chinese_is_read_by_characters() -> None:
    said = turn("zh", "user", "你好。", duration_s=1.2)
    words = reading(said, VOICES["user"], "zh").messages[-1].units
    assert words is not None
    assert [word for word, _ in words] == [*in_phones("你"), *in_phones("好", "。")]
    assert [start_s for _, start_s in words] == pytest.approx([0.0, 0.3, 0.6, 0.9])


def test_another_utterance_of_the_same_name_has_words_of_its_own() -> None:
    one, other = (reading(turn("same", "user", text), VOICES["user"], "en") for text in ("hi", "hello"))
    assert [len(sample.messages[-1].units or ()) for sample in (one, other)] == [2, 4]


@pytest.mark.parametrize(
    ("spoken", "language", "words"),
    [
        ("Hello, my friend.", "en", ("hello", ",", "my", "", "friend", ".")),
        ("Well - yes!", "en", ("well", "", "yes", "!")),
        ("今天，好吗？", "zh", ("今", "", "天", "，", "好", "", "吗", "？")),
    ],
)
def test_words_are_phones_with_their_punctuation(spoken: str, language: Any, words: tuple[str, ...]) -> None:
    in_words = (in_phones(word, mark) for word, mark in zip(words[::2], words[1::2], strict=True))
    assert in_units(spoken, language) == tuple(chain(*in_words))
