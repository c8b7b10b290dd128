"""Decoding position by position against the whole sequence at once, and the grammar of what any weights can say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from schemas.tokens import IM_END, TokenLayout, interleave
from tests.trainer.tiny import drawn_codes
from tests.trainer.worlds import end_of_audio, scripted, world
from trainer import generate
from trainer.generate import Decoding, Generator, Reply
from trainer.packing import collate
from trainer.sequences import NO_CODE

GREEDY = Decoding(repetition_penalty=1.0)
VOICE = np.array([1.0, -0.5, 0.3, 2.0, -1.0, 0.1], np.float32)
CODEBOOKS = [1, 2, 4, 9]


@pytest.fixture(autouse=True)
def short_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "MAX_POSITIONS", 120)


def positions(reply: Reply, layout: TokenLayout) -> list[list[int]]:
    """The reply as positions [P, K]."""
    tokens, steps = iter(reply.tokens), iter(reply.steps)
    silent = [NO_CODE] * (layout.num_codebooks - 1)
    return [next(steps) if kind == "audio" else [next(tokens), *silent] for kind in reply.modalities]


def entries(reply: Reply, layout: TokenLayout) -> np.ndarray:
    """Codes and pads, delayed [S, K]."""
    starts = [layout.codebook(index).start for index in range(layout.num_codebooks)]
    return np.array(reply.steps).reshape(-1, layout.num_codebooks) - starts


def allowed(layout: TokenLayout, before: np.ndarray, codebook: int, first: int | None = None) -> list[int]:
    """What the delay lets codebook say at the next step, after `before` [S, K] and codebook 0's own `first`."""
    step, codes, last = len(before), list(range(layout.cardinality)), layout.num_codebooks - 1
    column = [*before[:, 0].tolist(), *([] if first is None else [first])]
    pads = [place for place, entry in enumerate(column) if entry >= layout.cardinality]
    if step < codebook:
        return [layout.cardinality + step]
    if pads and step >= pads[0] + codebook:
        tail = step - pads[0]
        return [layout.cardinality + tail] if tail < last else []
    return [*codes, layout.cardinality] if codebook == 0 and step > 0 and last else codes


def assert_sound(reply: Reply, layout: TokenLayout) -> None:
    """No step says what the delay forbids, and no pad lies inside what is left of them."""
    said = entries(reply, layout)
    for step, row in enumerate(said.tolist()):
        for codebook, entry in enumerate(row):
            assert entry in allowed(layout, said[:step], codebook, row[0] if codebook else None)
    codes = Generator(_Still(layout), 0).codes(reply)
    frames, codebooks = codes.shape
    inside = [[said[frame + book, book] for book in range(codebooks)] for frame in range(frames)]
    assert codes.tolist() == inside
    assert codes.max(initial=0) < layout.cardinality


class _Still:
    """As much of a model as reading codes needs."""

    def __init__(self, layout: TokenLayout) -> None:
        self.layout = layout

    def eval(self) -> "_Still":
        return self


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
@pytest.mark.parametrize("given", [None, "hello there"])
def test_decoding_with_a_cache_takes_what_is_likeliest_over_the_whole_sequence(
    letters: Any, num_codebooks: int, given: str | None
) -> None:
    made = world(letters, num_codebooks, seed=3, spread=0.2)
    layout, prompt = made.model.layout, made.prompt()
    reply = made.reply(GREEDY, given)
    replied = positions(reply, layout)
    whole = np.concatenate([prompt.ids, np.array(replied).reshape(-1, num_codebooks)])
    batch = collate([replace(prompt, ids=whole, learned=np.zeros(len(whole), bool))], made.maker)
    del batch["labels"]
    with torch.no_grad():
        states = made.model(**batch).hidden[0, len(prompt) - 1 :]
    said, place = entries(reply, layout), 0
    assert reply.modalities.count("audio") > 0 or given is None
    for state, position, kind in zip(states[: len(replied)], replied, reply.modalities, strict=True):
        first = made.model.first_logits(state)
        sounds = {layout.codebook(0).start + entry for entry in allowed(layout, said[:place], 0)}
        if given is None:
            assert position[0] == max([*range(layout.text_size), *sounds], key=first.tolist().__getitem__)
        elif kind == "audio" and place >= 24:  # all text is said: nothing but the delay decides
            assert position[0] == max(sounds, key=first.tolist().__getitem__)
        if kind == "audio":
            for codebook in range(1, num_codebooks):
                choices = allowed(layout, said[:place], codebook, int(said[place, 0]))
                likeliest = max(choices, key=made.model.code_logits(state)[codebook - 1].tolist().__getitem__)
                assert said[place, codebook] == likeliest
            place += 1


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
@pytest.mark.parametrize("given", [None, "", "ab", "a longer text of twenty-eight"])
def test_whatever_the_weights_say_the_delay_is_sound(letters: Any, num_codebooks: int, given: str | None) -> None:
    frames = 0
    for seed in range(6):
        made = world(letters, num_codebooks, seed)
        made.chatter()
        reply = made.reply(Decoding(1.0, 1.0, top_k=400, seed=seed), given)
        assert_sound(reply, made.model.layout)
        frames += len(reply.steps)
        if reply.ended and given is not None:
            assert reply.tokens == made.text(given)
            codes = Generator(made.model, made.end).codes(reply)
            assert made.model.layout.steps(codes).tolist() == reply.steps
    assert frames > 20


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
@pytest.mark.parametrize("lead", [1, 10])
def test_given_text_comes_out_exactly_and_where_it_belongs(
    letters: Any, num_codebooks: int, lead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Generator, "_text_goes_on", lambda *_: False)
    ended = 0
    for seed, words in enumerate(["", "abcde", "twenty-three of letters"] * 2):
        made = world(letters, num_codebooks, seed, spread=0.1)
        reply = made.reply(Decoding(1.0, 1.0, top_k=400, repetition_penalty=1.0, seed=seed), words, lead=lead)
        text = made.text(words)
        assert reply.tokens == text
        laid = [kind for kind, count in interleave(len(text), len(reply.steps), lead) for _ in range(count)]
        assert reply.modalities == laid
        ended += reply.ended
    assert ended


@pytest.mark.parametrize("frames", range(1, 18))
def test_audio_shorter_than_its_text_still_lets_all_of_it_out(letters: Any, frames: int) -> None:
    pad = TokenLayout(len(letters), 8, 32).codebook(0).start + 32
    made = scripted(letters, [pad - 1] * frames + [pad])
    text = "a text of thirty letters, say."
    reply = made.reply(GREEDY, text)
    assert reply.ended
    assert reply.tokens == made.text(text)
    assert reply.well_formed
    # the end may wait until the rest of the text can go before it: two steps of each eight are too late for that
    assert len(reply.steps) - 7 - frames in (0, 1, 2)


@pytest.mark.parametrize(("num_codebooks", "steps"), [(1, 8), (4, 11), (8, 15), (9, 16)])
def test_all_the_text_goes_before_the_last_audio_where_the_model_says_so(
    letters: Any, num_codebooks: int, steps: int
) -> None:
    layout = TokenLayout(len(letters), num_codebooks, 32)
    frames, code = steps - num_codebooks + 1, layout.codebook(0).start
    made = scripted(letters, [code + 3] * frames + [end_of_audio(letters, layout)], num_codebooks)
    made.model.goes_on_at = 8 if steps > 8 else 0
    text = "a text of thirty letters, say."
    reply = made.reply(GREEDY, text)
    laid = [kind for kind, count in interleave(31, steps) for _ in range(count)]
    assert reply.modalities == laid
    assert reply.tokens == made.text(text)
    assert reply.ended


def test_so_many_codebooks_that_their_end_is_known_before_the_last_chunk(letters: Any) -> None:
    made = scripted(letters, [TokenLayout(len(letters), 10, 32).codebook(0).start] * 99, num_codebooks=10)
    made.model.goes_on_at = 8
    reply = made.reply(GREEDY, "a text of thirty letters, say.")
    assert (
        reply.modalities[:27] == ["text"] + ["audio"] * 8 + ["text"] * 4 + ["audio"] * 8 + ["text"] * 4 + ["audio"] * 2
    )


def test_one_codebook_has_no_pads_and_ends_with_the_message(letters: Any) -> None:
    layout = TokenLayout(len(letters), 1, 32)
    code, end = layout.codebook(0).start, letters.convert_tokens_to_ids(IM_END)
    made = scripted(letters, [code + 3] * 10 + [end], num_codebooks=1)
    reply = made.reply(GREEDY, "")
    assert reply.ended
    assert reply.tokens == made.text("")
    assert reply.steps == [[code + 3]] * 10
    assert Generator(made.model, end).codes(reply).tolist() == [[3]] * 10


def test_without_audio_only_text_is_said(letters: Any) -> None:
    for seed in range(2):
        reply = world(letters, 4, seed).reply(Decoding(1.0, 1.0, seed=seed), audio=False)
        assert not reply.steps
        assert set(reply.modalities) == {"text"}


def test_a_seed_decides_what_is_drawn(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(letters)
    monkeypatch.setattr(generate, "MAX_POSITIONS", 20)
    drawn = [made.reply(Decoding(1.0, 1.0, seed=seed), "hello").steps for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_drawing_from_one_is_greedy(letters: Any) -> None:
    made = world(letters)
    assert made.reply(replace(GREEDY, temperature=1.0, text_temperature=1.0, top_k=1), "a") == made.reply(GREEDY, "a")


def test_a_long_reply_is_cut_off_and_has_not_ended(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    code = TokenLayout(len(letters), 8, 32).codebook(0).start
    monkeypatch.setattr(generate, "MAX_POSITIONS", 40)
    reply = scripted(letters, [code] * 99).reply(GREEDY, "a")
    assert (len(reply.modalities), reply.ended, reply.well_formed) == (40, False, False)


@pytest.mark.parametrize(("penalty", "says"), [(1.0, 7), (1.1, 7), (1.5, 5)])
def test_the_last_five_codes_are_less_likely(letters: Any, penalty: float, says: int) -> None:
    made, layout = world(letters), TokenLayout(len(letters), 4, 32)
    start = layout.codebook(0).start
    generator = Generator(made.model, made.end, Decoding(repetition_penalty=penalty))
    logits = torch.full((layout.first_stream.stop,), -9.0)
    logits[start + 5], logits[start + 7], logits[start + 8] = 3.0, 4.0, -1.0
    said = [[start + code] * 4 for code in (5, 7, 1, 1, 1, 1)]  # 5 is longer ago than five steps
    made.model.first_logits = lambda hidden: logits.clone()
    assert generator._first(torch.zeros(32), Reply(steps=said), None, 1, True, torch.Generator()) == start + says


@pytest.mark.parametrize(
    ("modalities", "ended", "sound"),
    [
        (["text"] + ["audio"] * 8, True, True),
        (["text"] + ["audio"] * 8, False, False),
        (["audio", "text"], True, False),
        (["text"] * 4, True, True),
        ([], True, True),
    ],
)
def test_a_reply_is_well_formed_if_it_ended_and_is_laid_as_replies_are(
    modalities: list[Any], ended: bool, sound: bool
) -> None:
    assert Reply(modalities=modalities, ended=ended).well_formed is sound


@pytest.mark.parametrize("frames", [0, 1, 5, 12])
def test_codes_of_a_reply_are_what_was_delayed(letters: Any, frames: int) -> None:
    made = world(letters, 4)
    codes = drawn_codes(frames, "codes")
    steps = made.model.layout.steps(codes).tolist() if frames else []
    assert np.array_equal(Generator(made.model, made.end).codes(Reply(steps=steps)), codes)
    cut = Generator(made.model, made.end).codes(Reply(steps=steps[:-2]))
    assert np.array_equal(cut, codes[: max(0, frames - 2)])
