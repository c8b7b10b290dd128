"""The rules one by one: what is left out, and why."""

from typing import Any

import pytest

from schemas.errors import DamagedError
from trainer.export_vita_qinyu_samples import count_tokens, dialogue_samples, utterance_samples

Row = dict[str, Any]


def turn(index: int, role: str, text: str, duration_s: float = 2.0, overlap: str = "none") -> Row:
    return {
        "utterance_id": f"d-t{index:02d}",
        "role": role,
        "text": text,
        "duration_s": duration_s,
        "overlap": overlap,
        "dropped_tags": [],
    }


def dialogue(*turns: Row, messages: list[Row] | None = None, system: str = "") -> Row:
    said = messages or [{"role": one["role"], "content": one["text"]} for one in turns]
    return {
        "dialogue_id": "d",
        "kind": "conversation",
        "split": "train",
        "characters": {"assistant": {"character_id": "a"}},
        "messages": [{"role": "system", "content": system}] * bool(system) + said,
        "turns": list(turns),
    }


def utterance(**changes: Any) -> Row:
    row = turn(0, "user", "Hi.") | {"dialogue_id": "d", "split": "train", "character": {"character_id": "u"}}
    return row | {"song": None, "surroundings": None} | changes


def faults(row: Row) -> list[str]:
    return [sample.fault for sample in dialogue_samples(row)]


def test_what_fits_has_no_fault() -> None:
    assert faults(dialogue(turn(0, "user", "Hi."), turn(1, "assistant", "Hello."))) == [""]
    assert [(sample.type, sample.fault) for sample in utterance_samples(utterance())] == [("tts", ""), ("asr", "")]


@pytest.mark.parametrize("who", ["user", "assistant"])
def test_a_turn_of_more_than_300_s(who: str) -> None:
    long = {"user": 2.0, "assistant": 2.0} | {who: 300.1}
    row = dialogue(turn(0, "user", "Hi.", long["user"]), turn(1, "assistant", "Hello.", long["assistant"]))
    assert faults(row) == ["a turn longer than 300 s"]
    assert {one.fault for one in utterance_samples(utterance(duration_s=300.1))} == {"a turn longer than 300 s"}
    assert {one.fault for one in utterance_samples(utterance(duration_s=300.0))} == {""}


def test_a_history_of_more_than_10000_tokens_ends_the_samples_of_a_dialogue() -> None:
    turns = [turn(place, ("user", "assistant")[place % 2], "Yes.", 200.0) for place in range(8)]
    # A user's 200 s are 3334 frames of 60 ms; of the assistant only the last 200 s count.
    assert faults(dialogue(*turns)) == [
        "",
        "more than 10000 tokens",
        "more than 10000 tokens",
        "more than 10000 tokens",
    ]


@pytest.mark.parametrize("markup", ["<|audio|>", "<|user_speaker|>", "<|im_end|>", "<function=x>", "</function>"])
@pytest.mark.parametrize("who", [0, 1, 2])
def test_its_own_markup_in_a_text(markup: str, who: int) -> None:
    texts = ["Hi.", "Hello.", "Your Name: B"]
    texts[who] += markup
    row = dialogue(turn(0, "user", texts[0]), turn(1, "assistant", texts[1]), system=texts[2])
    # What a user says is audio alone: its text is in no sample.
    assert faults(row) == ["" if who == 0 else "a text with the loader's own markup"]


def test_the_one_place_of_a_voice_is_no_markup() -> None:
    turns = (turn(0, "user", "Hi."), turn(1, "assistant", "Hello."))
    assert faults(dialogue(*turns, system="Your Voice Embedding: <|speaker|>.")) == [""]
    assert faults(dialogue(*turns, system="<|speaker|> <|speaker|>")) == ["a text with the loader's own markup"]


def test_answers_of_up_to_three_turns() -> None:
    turns = [turn(0, "user", "Sing."), *(turn(place, "assistant", "La.") for place in range(1, 5))]
    messages = [{"role": "user", "content": "Sing."}, {"role": "assistant", "content": "La.\nLa.\nLa.\nLa."}]
    assert faults(dialogue(*turns, messages=messages)) == ["more than 3 turns in one answer"]
    messages[1] = {"role": "assistant", "content": "La.\nLa.\nLa."}
    (sample,) = dialogue_samples(dialogue(*turns[:4], messages=messages))
    assert (sample.messages[-1].content, sample.fault) == ("La.\nLa.\nLa.<|audio|><|audio|><|audio|>", "")


def test_two_turns_of_a_user_do_not_touch() -> None:
    turns = (turn(0, "user", "Hi."), turn(1, "user", "You?"), turn(2, "assistant", "Hello."))
    messages = [{"role": "user", "content": "Hi.\nYou?"}, {"role": "assistant", "content": "Hello."}]
    (sample,) = dialogue_samples(dialogue(*turns, messages=messages))
    assert sample.messages[0].content == "<|audio|>\n<|audio|>"
    assert [clip.utterance_id for clip in sample.clips] == ["d-t00", "d-t01", "d-t02"]


def test_songs_and_noise() -> None:
    sung = [one.fault for one in utterance_samples(utterance(song={"title": "La"}))]
    noisy = [one.fault for one in utterance_samples(utterance(surroundings={"snr_db": 20.0}))]
    assert (sung, noisy) == (["sung, not read"] * 2, ["heard in a room, over noise", ""])


def test_back_channels_are_no_messages_and_other_differences_are_damage() -> None:
    talk = (turn(0, "user", "Hi."), turn(1, "assistant", "Hello."), turn(2, "user", "Mm.", overlap="backchannel"))
    messages = [{"role": one["role"], "content": one["text"]} for one in talk[:2]]
    (sample,) = dialogue_samples(dialogue(*talk, messages=messages))
    assert [clip.utterance_id for clip in sample.clips] == ["d-t00", "d-t01"]
    with pytest.raises(DamagedError, match="d: its messages are not what its turns say"):
        list(dialogue_samples(dialogue(*talk)))


def test_tokens_by_hand() -> None:
    tts, asr = utterance_samples(utterance(duration_s=2.0))
    # 25 frames, one to spare, delay 7: 33 steps in 6 chunks of 6, each enclosed; the text stands there twice.
    question, answer = 6 + len("Convert the text to speech.\nHi."), 6 + len("<|audio|>") + 33 + 2 * 6
    assert count_tokens(tts) == 50 + question + answer + len("Hi.")
    # 34 frames of 60 ms, one to spare, and 7 around them.
    assert count_tokens(asr) == 50 + 6 + len("Convert the speech to text.\n<|audio|>") + 34 + 1 + 7 + 6 + len("Hi.")
    assert count_tokens(tts, 25.0) - count_tokens(tts) == 25 + 2 * 4
