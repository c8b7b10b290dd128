import numpy as np
import pytest

from tests.trainer.tiny import dialogues, drawn_codes, person, row, score, song, turn
from trainer.samples import CHAT_SYSTEM, READING_SYSTEM, TASKS, Message, Sample, samples

VOICES = {role: np.array(person(f"d-{role}")["speaker_vector"], np.float32) for role in ("user", "assistant")}


def plain(message: Message) -> tuple[object, ...]:
    codes = None if message.codes is None else (message.codes.dtype, message.codes.tolist())
    return message.role, message.text, codes, message.score, message.lead


def same(found: Sample, wanted: Sample) -> bool:
    assert (found.sample_id, found.task) == (wanted.sample_id, wanted.task)
    assert [plain(message) for message in found.messages] == [plain(message) for message in wanted.messages]
    if wanted.speaker is None or found.speaker is None:
        return found.speaker is wanted.speaker
    return found.speaker.dtype == np.float32 and np.array_equal(found.speaker, wanted.speaker)


def taught(name: str, text: str, speaker: np.ndarray) -> list[Sample]:
    """What a plain turn teaches: to read it, to speak it, to write it down."""
    codes = drawn_codes(6, name)
    reads = (Message("system", READING_SYSTEM), Message("assistant", text, codes, lead=10))
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
    assert next(one for one in others if one.sample_id == "a-reading").messages[-1].score == written
    assert next(one for one in others if one.sample_id == "a-asr").messages[-1] == Message("assistant", "La.")
