"""A given text, decoded: it comes out exactly and where it belongs, and the audio around it is sound."""

from itertools import groupby
from typing import Any

import numpy as np
import pytest

from schemas.tokens import END_OF_CONV, IM_END, TokenLayout
from tests.trainer.test_generate import CODEBOOKS, GREEDY, assert_sound
from tests.trainer.worlds import World, end_of_audio, scripted, world
from trainer import generate
from trainer.generate import LONGEST_UNIT, Decoding, Generator, Reply
from trainer.sequences import AHEAD

WORDS = ("a", " longer", " text", " of four and twenty")


@pytest.fixture(autouse=True)
def short_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "MAX_POSITIONS", 150)


def laid(made: World, reply: Reply) -> str:
    """Text as it is, and how many audio steps are in a row."""
    tokens, parts = iter(reply.tokens), []
    for kind, group in groupby(reply.modalities):
        count = len(list(group))
        parts.append(
            f"A{count}" if kind == "audio" else made.maker.tokenizer.decode([next(tokens) for _ in range(count)])
        )
    return "|".join(parts).replace(END_OF_CONV, ".")


def said(made: World, *words: str) -> list[int]:
    return [token for unit in made.units(*words) for token in unit]


def talker(letters: Any, frames: int, num_codebooks: int = 8) -> World:
    """A model that says so many frames and ends."""
    layout = TokenLayout(len(letters), num_codebooks, 32)
    return scripted(letters, [layout.codebook(0).start + 3] * frames + [end_of_audio(letters, layout)], num_codebooks)


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
@pytest.mark.parametrize("frames", [None, [0, 3, 3, 25], [7, 8, 9, 10]])
def test_whatever_the_weights_say_the_text_comes_out_and_the_delay_is_sound(
    letters: Any, num_codebooks: int, frames: list[int] | None
) -> None:
    ended, steps = 0, 0
    for seed in range(5):
        made = world(letters, num_codebooks, seed)
        made.chatter()
        reply = made.read(Decoding(1.0, 1.0, top_k=400, seed=seed), *WORDS, frames=frames)
        assert_sound(reply, made.model.layout)
        text = said(made, *WORDS)
        assert reply.tokens == text[: len(reply.tokens)]
        assert made.end not in reply.tokens
        if frames or reply.ended:
            assert reply.tokens == text
        if reply.ended:
            codes = Generator(made.model, made.end).codes(reply)
            assert made.model.layout.steps(codes).tolist() == reply.steps
        ended += reply.ended
        steps += len(reply.steps)
    assert ended
    assert steps > 20


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
def test_each_unit_stands_where_a_sample_has_it(letters: Any, num_codebooks: int) -> None:
    frames = [0, 1, 12, 12, 30]
    made = talker(letters, 40, num_codebooks)
    reply = made.read(GREEDY, "a", "bc", "d", "e", "fg", frames=frames)
    assert AHEAD == 2
    assert laid(made, reply) == f"abc|A10|de|A18|fg.|A{12 + num_codebooks - 1}"
    assert reply.ended


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
@pytest.mark.parametrize("frames", [1, 5, 20, 29])
def test_the_audio_does_not_end_before_the_text(letters: Any, num_codebooks: int, frames: int) -> None:
    made = talker(letters, frames, num_codebooks)
    reply = made.read(GREEDY, "a", "b", frames=[0, 30])
    after = max(0, frames - 28) + num_codebooks - 1
    assert laid(made, reply) == "a|A28|b." + (f"|A{after}" if after else "")
    assert reply.ended
    codes = Generator(made.model, made.end).codes(reply)
    assert len(codes) == max(28, frames)
    assert codes[:, 0].tolist() == [3] * min(frames, len(codes)) + [5] * (len(codes) - frames)


def test_a_unit_comes_where_the_model_prefers_text(letters: Any) -> None:
    made = talker(letters, 30)
    made.model.prefers_text = {0, 4, 17}
    reply = made.read(GREEDY, "ab", "c", "d")
    assert laid(made, reply) == "abcd.|A37"  # it prefers text still, after the first
    made = talker(letters, 30)
    made.model.prefers_text = {4, 17}
    reply = made.read(GREEDY, "ab")
    assert laid(made, reply) == "A4|ab.|A33"


def test_a_model_that_prefers_text_once_a_word_has_a_word_each_time(
    letters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = talker(letters, 30)
    places, first_logits = [0, 4, 17], made.model.first_logits

    def once(hidden: Any) -> Any:
        logits = first_logits(hidden)
        if places and made.model.spoken == places[0]:
            places.pop(0)
            logits[5] = 99.0
        return logits

    monkeypatch.setattr(made.model, "first_logits", once)
    assert laid(made, made.read(GREEDY, "a", "c", "de")) == "a|A4|c|A13|de.|A20"


def test_a_unit_is_over_when_it_hardly_goes_on(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = talker(letters, 30)
    layout, many = made.model.layout, made.model.first_logits

    def often(hidden: Any) -> Any:
        logits = many(hidden)
        logits[: layout.text_size] = logits.max() + np.log(0.2 / 0.8 / layout.text_size)  # one time in five
        return logits

    monkeypatch.setattr(made.model, "first_logits", often)
    assert laid(made, made.read(GREEDY, "a", "b")).startswith("A6|a|A6|b.|A")  # .8 ** 6 > .25 >= .8 ** 7


def test_a_unit_is_due_after_the_longest(letters: Any) -> None:
    assert LONGEST_UNIT == 40
    made = talker(letters, 100)
    assert laid(made, made.read(GREEDY, "ab", "c")) == f"A40|ab|A40|c.|A{20 + 7}"
    made = talker(letters, 100)
    made.model.prefers_text = {7}
    assert laid(made, made.read(GREEDY, "abc")) == f"A7|abc.|A{40 + 7}"


def test_the_end_comes_at_last_so_long_after_the_last_unit(letters: Any) -> None:
    for longest_end, frames in ((12, 15), (None, 100)):
        made = talker(letters, 100)
        generator = Generator(made.model, made.end, GREEDY)
        reply = generator.read(made.prompt(), made.units("a", "b"), [0, 5], longest_end)
        assert laid(made, reply) == f"a|A3|b.|A{frames - 3 + 7}"


def test_where_frames_are_given_the_model_is_not_asked(letters: Any) -> None:
    made = talker(letters, 60)
    made.model.prefers_text = set(range(99))
    assert laid(made, made.read(GREEDY, "ab", "c", frames=[10, 55])) == "A8|ab|A45|c.|A14"


def test_one_codebook_has_no_pads_and_ends_with_the_message(letters: Any) -> None:
    code, end = TokenLayout(len(letters), 1, 32).codebook(0).start, letters.convert_tokens_to_ids(IM_END)
    made = talker(letters, 10, num_codebooks=1)
    reply = made.read(GREEDY, "a", frames=[0])
    assert reply.ended
    assert reply.tokens == said(made, "a")
    assert reply.steps == [[code + 3]] * 10
    assert Generator(made.model, end).codes(reply).tolist() == [[3]] * 10


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
def test_a_reply_has_a_frame_at_least(letters: Any, num_codebooks: int) -> None:
    made = talker(letters, 0, num_codebooks)
    reply = made.read(GREEDY, "a", frames=[0])
    assert laid(made, reply) == f"a.|A{num_codebooks}"
    assert len(Generator(made.model, made.end).codes(reply)) == 1
    assert reply.ended


def test_no_text_but_its_end_leaves_the_audio_alone(letters: Any) -> None:
    made = talker(letters, 9)
    reply = made.read(GREEDY, "", frames=[0])
    assert laid(made, reply) == ".|A16"
    assert reply.well_formed


def test_after_the_cut_not_all_is_said(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "MAX_POSITIONS", 30)
    made = talker(letters, 9)
    reply = made.read(GREEDY, "a", "b", frames=[0, 99])
    assert (laid(made, reply), reply.ended) == ("a|A29", False)
    assert np.array(reply.steps).shape == (29, 8)
