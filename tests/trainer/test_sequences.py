"""Samples as positions: the original's worked examples token for token, readings, what is learned, melodies."""

from itertools import groupby
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from schemas.tokens import AUDIO, END_OF_CONV, IM_END, IM_START, SPEAKER, TokenLayout
from tests.trainer.tiny import drawn_codes, score
from trainer.samples import CHAT_SYSTEM, Message, Sample
from trainer.sequences import NO_CODE, Sequence, SequenceMaker, melody, melody_units

VOICE = np.arange(6, dtype=np.float32)
BIG = {"num_codebooks": 8, "cardinality": 1024}


@pytest.fixture(scope="module")
def original(letters: PreTrainedTokenizerBase) -> SequenceMaker:
    """Eight codebooks of 1024, as the original's."""
    return SequenceMaker(letters, TokenLayout(len(letters), 8, 1024), 12.5)


def spelled(maker: SequenceMaker, sequence: Sequence) -> list[str]:
    """Every position by name: a letter or a special token; an audio position as A and codebook 0's entry."""
    layout, names = maker.layout, []
    for token in sequence.ids[:, 0].tolist():
        if layout.is_audio(token):
            names.append(f"A{token - layout.codebook(0).start}")
        elif token >= layout.text_size:
            names.append(layout.name(token))
        else:
            names.append(maker.tokenizer.decode([token]))
    return names


def runs(modalities: list[bool]) -> str:
    """t and A with the lengths of their runs."""
    return " ".join(f"{'tA'[audio]}{len(list(group))}" for audio, group in groupby(modalities))


def answered(text: str, codes: np.ndarray) -> Sample:
    return Sample("one", "conversation", (Message("user", "q"), Message("assistant", text, codes)))


def test_ten_text_tokens_and_thirty_frames(original: SequenceMaker) -> None:
    codes = drawn_codes(30, "thirty", BIG)
    sequence = original.sequence(answered("abcdefghij", codes))
    steps = original.layout.steps(codes)
    names = spelled(original, sequence)
    learned = [name for name, is_learned in zip(names, sequence.learned, strict=True) if is_learned]
    sound = [f"A{code}" for code in (steps[:, 0] - original.layout.codebook(0).start)]

    assert len(sound) == 37
    assert sound[30:] == [f"A{pad}" for pad in range(1024, 1031)]
    assert learned == [
        *("a", *sound[:8]),
        *("b", "c", "d", "e", *sound[8:16]),
        *("f", "g", "h", "i", *sound[16:24]),
        *("j", END_OF_CONV, *sound[24:]),
        *(IM_END, "\n"),
    ]
    assert len(learned) == 50
    audio = [original.layout.is_audio(token) for token in sequence.ids[:, 0].tolist()]
    assert np.array_equal(sequence.ids[audio], steps)


def test_twenty_six_text_tokens_and_three_frames(original: SequenceMaker) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    sequence = original.sequence(answered(text, drawn_codes(3, "three", BIG)))
    reply = sequence.ids[sequence.learned][:, 0]
    audio = [original.layout.is_audio(token) for token in reply.tolist()]
    names = spelled(original, sequence)

    assert runs(audio[:-2]) == "t1 A8 t26 A2"
    assert names[-5:-3] == [END_OF_CONV, "A1029"]
    assert [name for name in names[-len(reply) :] if not name.startswith("A")] == [*text, END_OF_CONV, IM_END, "\n"]


def read(maker: SequenceMaker, units: tuple[tuple[str, float], ...], frames: int, **changes: Any) -> list[str]:
    """What is learned of a reading, by name."""
    codec = {"num_codebooks": maker.layout.num_codebooks, "cardinality": maker.layout.cardinality}
    message = Message("assistant", "", drawn_codes(frames, "read", codec), units=units, **changes)
    sequence = maker.sequence(Sample("one", "reading", (message,)))
    names = spelled(maker, sequence)
    audio = np.array([maker.layout.is_audio(token) for token in sequence.ids[:, 0].tolist()])
    assert np.array_equal(sequence.ids[audio], maker.layout.steps(message.codes))
    assert (sequence.ids[~audio, 1:] == NO_CODE).all()
    assert names[-2:] == [IM_END, "\n"]
    return [name for name, is_learned in zip(names, sequence.learned, strict=True) if is_learned][:-2]


def laid(names: list[str]) -> str:
    """Text as it is, and how many audio positions are in a row."""
    return " ".join(
        f"A{len(list(group))}" if audio else "".join(group)
        for audio, group in groupby(names, lambda name: name.startswith("A") and name[1:].isdigit())
    )


def test_a_unit_stands_two_frames_before_its_sound(maker: SequenceMaker) -> None:
    # 0.4 s are frame 5, 1.0 s frame 12.5, which is within frame 12; 20 frames are 23 steps
    assert laid(read(maker, (("ab", 0.4), ("c", 1.0)), 20)) == f"A3 ab A7 c{END_OF_CONV} A13"


@pytest.mark.parametrize(
    ("starts_s", "wanted"),
    [
        ((0.0, 0.8), "ab A8 c{end} A15"),  # nothing is before the first frame
        ((0.16, 0.8), "ab A8 c{end} A15"),
        ((0.24, 0.8), "A1 ab A7 c{end} A15"),
        ((0.0, 0.1), "abc{end} A23"),
        ((0.8, 0.8), "A8 abc{end} A15"),
        ((0.8, 0.4), "A8 abc{end} A15"),  # never before the word before it
        ((0.0, 1.68), "ab A19 c{end} A4"),
        ((0.0, 1.76), "ab A19 c{end} A4"),  # always before the last frame: then come its pads
        ((0.0, 99.0), "ab A19 c{end} A4"),
        ((98.0, 99.0), "A19 abc{end} A4"),
    ],
)
def test_words_at_both_ends_of_the_sound(maker: SequenceMaker, starts_s: tuple[float, float], wanted: str) -> None:
    words = tuple(zip(("ab", "c"), starts_s, strict=True))
    assert laid(read(maker, words, 20)) == wanted.format(end=END_OF_CONV)


@pytest.mark.parametrize(("num_codebooks", "steps"), [(1, 10), (8, 17)])
def test_words_of_other_codecs(letters: PreTrainedTokenizerBase, num_codebooks: int, steps: int) -> None:
    made = SequenceMaker(letters, TokenLayout(len(letters), num_codebooks, 64), 25.0)
    assert laid(read(made, (("a", 0.0), ("b", 0.24), ("c", 9.0)), 10)) == f"a A4 b A5 c{END_OF_CONV} A{steps - 9}"


def test_a_single_frame_has_all_its_words_before_it(maker: SequenceMaker) -> None:
    assert laid(read(maker, (("a", 0.0), ("b", 1.0)), 1)) == f"ab{END_OF_CONV} A4"


def test_notes_stand_before_their_sound_too(maker: SequenceMaker) -> None:
    sung = score((60, 0.0, 0.4, "la"), (62, 0.8, 0.8, "lo"), score_start_s=0.4)
    # a rest of 5 frames, a note of 5, a rest of 5, a note of 10 from frame 15 on
    assert laid(read(maker, (), 30, score=sung)) == (
        "<|rest|><|hold_5|> A3 <|note_60|><|hold_5|>la  A5 <|rest|><|hold_5|> A5 "
        f"<|note_62|><|hold_10|>lo {END_OF_CONV} A20"
    )


def test_units_of_a_melody_begin_where_the_one_before_ends() -> None:
    sung = score((60, 0.0, 0.4, "la"), (62, 0.8, 0.8, "lo"), (64, 1.6, 0.01, "lu"), score_start_s=0.4)
    assert melody_units(sung, 12.5) == [
        ("<|rest|><|hold_5|>", 0),
        ("<|note_60|><|hold_5|>la ", 5),
        ("<|rest|><|hold_5|>", 10),
        ("<|note_62|><|hold_10|>lo ", 15),
        ("<|note_64|><|hold_1|>lu ", 25),
    ]
    assert "".join(unit for unit, _ in melody_units(sung, 12.5)) == melody(sung, 12.5)


def test_units_have_their_own_tokens_and_the_last_one_the_end(maker: SequenceMaker) -> None:
    units = maker.unit_tokens([" ab", " c."])
    assert [maker.tokenizer.decode(unit) for unit in units] == [" ab", f" c.{END_OF_CONV}"]
    assert [len(unit) for unit in units] == [3, 4]


def test_only_a_system_message_has_a_place_for_the_voice(maker: SequenceMaker) -> None:
    said = drawn_codes(4, "said")
    messages = (
        Message("system", f"v {SPEAKER}, {SPEAKER}."),
        Message("user", f"say {SPEAKER}"),
        Message("user", SPEAKER, said),
        Message("assistant", SPEAKER),
        Message("assistant", SPEAKER, said),
        Message("assistant", SPEAKER, said, units=((SPEAKER, 0.1),)),
    )
    sequence = maker.sequence(Sample("s", "conversation", messages, VOICE))
    marks = np.flatnonzero(sequence.ids[:, 0] == maker.layout.marker(SPEAKER))
    assert marks.tolist() == [len([IM_START, *"system", "\n", "v", " "])]
    written = "".join(spelled(maker, sequence))
    assert written.count(SPEAKER) == 7  # the other six are letters


@pytest.mark.parametrize(("num_codebooks", "cardinality"), [(1, 64), (4, 2048), (9, 64)])
def test_other_numbers_and_sizes_of_codebooks(
    letters: PreTrainedTokenizerBase, num_codebooks: int, cardinality: int
) -> None:
    layout = TokenLayout(len(letters), num_codebooks, cardinality)
    codec = {"num_codebooks": num_codebooks, "cardinality": cardinality}
    codes = drawn_codes(10, "ten", codec)
    sequence = SequenceMaker(letters, layout, 12.5).sequence(answered("abcdef", codes))
    audio = [layout.is_audio(token) for token in sequence.ids[:, 0].tolist()]
    assert sequence.ids.shape[1] == num_codebooks
    assert sum(audio) == 10 + num_codebooks - 1
    assert np.array_equal(layout.codes(sequence.ids[audio]), codes)
    assert (sequence.ids[~np.array(audio), 1:] == NO_CODE).all()


def test_a_whole_sample_position_by_position(maker: SequenceMaker) -> None:
    heard, said = drawn_codes(2, "heard"), drawn_codes(1, "said")
    messages = (
        Message("system", f"v {SPEAKER}."),
        Message("user", "w", heard),
        Message("assistant", "ok", said),
        Message("user", "x"),
        Message("assistant", "y"),
    )
    sequence = maker.sequence(Sample("s", "conversation", messages, VOICE))
    hears, says = ([f"A{code}" for code in (*codes[:, 0], 32, 33, 34)] for codes in (heard, said))
    head = {role: [IM_START, *role, "\n"] for role in ("system", "user", "assistant")}
    parts = [
        (0, [*head["system"], "v", " ", SPEAKER, ".", IM_END, "\n"]),
        (0, [*head["user"], "w", *hears, IM_END, "\n"]),
        (0, head["assistant"]),
        (1, ["o", "k", END_OF_CONV, *says, IM_END, "\n"]),
        (0, [*head["user"], "x", IM_END, "\n"]),
        (0, head["assistant"]),
        (1, ["y", IM_END, "\n"]),
    ]
    assert spelled(maker, sequence) == [name for _, names in parts for name in names]
    assert sequence.learned.tolist() == [bool(learned) for learned, names in parts for _ in names]
    assert sequence.ids[:, 0].tolist().index(maker.layout.marker(SPEAKER)) == len(head["system"]) + 2
    assert (sequence.name, sequence.task, len(sequence)) == ("s", "conversation", len(sequence.ids))
    assert sequence.speaker is VOICE


def test_the_user_and_the_system_are_not_learned(maker: SequenceMaker) -> None:
    sample = Sample("s", "tts", (Message("system", CHAT_SYSTEM), Message("user", "a", drawn_codes(3, "u"))), VOICE)
    assert not maker.sequence(sample).learned.any()


def test_a_prompt_is_the_sample_and_the_head_of_the_reply(maker: SequenceMaker) -> None:
    asked = Sample("s", "conversation", (Message("user", "q"),))
    replied = Sample("s", "conversation", (Message("user", "q"), Message("assistant", "a", drawn_codes(2, "a"))))
    prompt, whole = maker.prompt(asked), maker.sequence(replied)
    assert spelled(maker, prompt) == [IM_START, *"user", "\n", "q", IM_END, "\n", IM_START, *"assistant", "\n"]
    assert np.array_equal(prompt.ids, whole.ids[~whole.learned])
    assert not prompt.learned.any()


def test_markers_are_written_by_the_loader_alone(maker: SequenceMaker) -> None:
    sequence = maker.sequence(Sample("s", "tts", (Message("user", f"say {AUDIO} now"),)))
    assert (sequence.ids[:, 0] < maker.layout.text_size).all()


def test_a_reply_without_text_ends_its_text_at_once(maker: SequenceMaker) -> None:
    said = drawn_codes(1, "said")
    names = spelled(maker, maker.sequence(Sample("s", "tts", (Message("assistant", "", said),))))
    assert names[-7:] == [END_OF_CONV, f"A{said[0, 0]}", "A32", "A33", "A34", IM_END, "\n"]


def test_a_melody_is_pitches_lengths_and_syllables() -> None:
    sung = score((60, 0.0, 1.0, "Row"), (62, 1.0, 0.5, "mer-"), (64, 1.5, 0.5, "ry"), (60, 3.0, 1.0, "船"))
    assert melody(sung, 12.5) == (
        "<|note_60|><|hold_12|>Row <|note_62|><|hold_7|>mer<|note_64|><|hold_6|>ry "
        "<|rest|><|hold_13|><|note_60|><|hold_12|>船"
    )


def test_what_comes_before_a_song_is_a_rest() -> None:
    sung = score((60, 0.0, 1.0, "la"), score_start_s=0.4)
    assert melody(sung, 12.5) == "<|rest|><|hold_5|><|note_60|><|hold_13|>la "
    assert melody(sung | {"score_start_s": None}, 12.5) == "<|note_60|><|hold_12|>la "


def test_what_is_longer_than_the_longest_hold_has_several() -> None:
    assert melody(score((60, 20.0, 8.0, "la")), 12.5) == (
        "<|rest|><|hold_100|><|hold_100|><|hold_50|><|note_60|><|hold_100|>la "
    )


def test_a_slur_writes_no_syllable_and_no_space() -> None:
    sung = score((60, 0.0, 1.0, "hap-"), (62, 1.0, 1.0, ""), (64, 2.0, 1.0, "py"))
    assert melody(sung, 10.0) == "<|note_60|><|hold_10|>hap<|note_62|><|hold_10|><|note_64|><|hold_10|>py "


def frames(written: str) -> int:
    return sum(int(part.split("|")[0]) for part in written.split("<|hold_")[1:])


@pytest.mark.parametrize("tempo_bpm", [20.0, 97.0, 120.0, 300.0])
def test_errors_of_rounding_do_not_add_up(tempo_bpm: float) -> None:
    beats = np.random.default_rng(1).choice([0.25, 1 / 3, 0.5, 1.0, 1.5], 60)
    onsets = np.cumsum([0.0, *beats[:-1]])
    notes = [(60, float(onset), float(length), "la") for onset, length in zip(onsets, beats, strict=True)]
    written = melody(score(*notes, tempo_bpm=tempo_bpm), 12.5)
    assert frames(written) == pytest.approx(beats.sum() * 60 / tempo_bpm * 12.5, abs=1)


def test_notes_too_short_for_a_frame_are_made_up_for_by_the_next_long_one() -> None:
    short = [(60, n / 16, 1 / 16, "la") for n in range(8)]  # each 0.16 frames at 300 beats a minute
    written = melody(score(*short, (62, 0.5, 8.0, "la"), tempo_bpm=300.0), 12.5)
    assert written.startswith("<|note_60|><|hold_1|>la " * 8 + "<|note_62|>")
    assert frames(written) == round(8.5 * 60 / 300 * 12.5)


def test_the_words_of_a_melody_come_before_its_end_in_the_text_stream(maker: SequenceMaker) -> None:
    message = Message("assistant", "La.", drawn_codes(20, "sung"), score((60, 0.0, 1.0, "la")))
    names = spelled(maker, maker.sequence(Sample("s", "singing", (message,))))
    text = [name for name in names if not name.startswith("A")]
    head = [IM_START, *"assistant", "\n"]
    assert text == [*head, "<|note_60|>", "<|hold_12|>", "l", "a", " ", END_OF_CONV, IM_END, "\n"]
