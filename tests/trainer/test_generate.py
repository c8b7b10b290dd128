"""Decoding position by position against the whole sequence at once, and the grammar of what any weights can say."""

from collections import Counter
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest
import torch

from schemas.tokens import END_OF_CONV, TokenLayout
from tests.trainer.tiny import drawn_codes
from tests.trainer.worlds import scripted, world
from trainer import generate
from trainer.generate import OVER, Decoding, Generator, Reply
from trainer.packing import collate
from trainer.sequences import AHEAD, NO_CODE

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
@pytest.mark.parametrize("given", [(), ("hel", "lo there")])
def test_decoding_with_a_cache_takes_what_is_likeliest_over_the_whole_sequence(
    letters: Any, num_codebooks: int, given: tuple[str, ...]
) -> None:
    made = world(letters, num_codebooks, seed=3, spread=0.2)
    layout, prompt = made.model.layout, made.prompt()
    reply = made.read(GREEDY, *given, frames=[3, 20]) if given else made.reply(GREEDY)
    replied = positions(reply, layout)
    whole = np.concatenate([prompt.ids, np.array(replied).reshape(-1, num_codebooks)])
    batch = collate([replace(prompt, ids=whole, learned=np.zeros(len(whole), bool))], made.maker)
    del batch["labels"]
    with torch.no_grad():
        states = made.model(**batch).hidden[0, len(prompt) - 1 :]
    said, place, goes_on = entries(reply, layout), 0, 1.0
    assert reply.modalities.count("audio") > 0 or not given
    for state, position, kind in zip(states[: len(replied)], replied, reply.modalities, strict=True):
        first = made.model.first_logits(state)
        sounds = {layout.codebook(0).start + entry for entry in allowed(layout, said[:place], 0)}
        if not given:
            assert position[0] == max([*range(layout.text_size), *sounds], key=first.tolist().__getitem__)
        elif kind == "audio":
            codes = range(layout.codebook(0).start, layout.codebook(0).start + layout.cardinality)
            if place >= 20 - AHEAD:  # all is said: from here on the audio may end, and does when its chances are even
                chances = torch.softmax(first, 0)
                ends = chances[made.end] + chances[codes.stop :].sum()
                goes_on *= 1 - float(ends / (ends + chances[codes.start : codes.stop].sum()))
            choices = sounds & set(codes) if goes_on > OVER else sounds - set(codes)
            assert position[0] == max(choices, key=first.tolist().__getitem__)
        if kind == "audio":
            for codebook in range(1, num_codebooks):
                choices = allowed(layout, said[:place], codebook, int(said[place, 0]))
                likeliest = max(choices, key=made.model.code_logits(state)[codebook - 1].tolist().__getitem__)
                assert said[place, codebook] == likeliest
            place += 1


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
def test_whatever_the_weights_say_the_delay_is_sound(letters: Any, num_codebooks: int) -> None:
    frames = 0
    for seed in range(6):
        made = world(letters, num_codebooks, seed)
        made.chatter()
        reply = made.reply(Decoding(1.0, 1.0, top_k=400, seed=seed))
        assert_sound(reply, made.model.layout)
        frames += len(reply.steps)
    assert frames > 20


@pytest.mark.parametrize("num_codebooks", CODEBOOKS)
def test_whatever_the_weights_say_a_reply_is_laid_as_replies_are(letters: Any, num_codebooks: int) -> None:
    longer = Counter[str]()
    for seed in range(30):
        made = world(letters, num_codebooks, seed)
        made.chatter()
        layout, end_of_text = made.model.layout, letters.convert_tokens_to_ids(END_OF_CONV)
        with torch.no_grad():  # let both streams end now and then
            for often in (end_of_text, made.end, layout.codebook(0).start + layout.cardinality):
                made.model.head.weight[often] *= 4
        generator = Generator(made.model, made.end, Decoding(1.0, 1.0, top_k=400, seed=seed), end_of_text)
        reply = generator.reply(made.prompt())
        if not reply.ended:
            continue
        assert_sound(reply, layout)
        assert reply.well_formed
        assert reply.tokens.index(end_of_text) == len(reply.tokens) - 1
        assert len(generator.codes(reply))
        chunks = [len(list(group)) for _, group in groupby(reply.modalities)]
        longer["text" if chunks[-2] > 4 else "audio" if chunks[-1] > 8 else "none"] += 1
    assert sum(longer.values()) > 10
    assert longer["audio"]
    assert longer["text"] or num_codebooks <= 2  # so few pads are over with their chunk


def test_without_audio_only_text_is_said(letters: Any) -> None:
    for seed in range(2):
        reply = world(letters, 4, seed).reply(Decoding(1.0, 1.0, seed=seed), audio=False)
        assert not reply.steps
        assert set(reply.modalities) == {"text"}


def test_a_seed_decides_what_is_drawn(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(letters)
    monkeypatch.setattr(generate, "MAX_POSITIONS", 20)
    drawn = [made.read(Decoding(1.0, 1.0, seed=seed), "hello").steps for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_drawing_from_one_is_greedy(letters: Any) -> None:
    made = world(letters)
    drawn = replace(GREEDY, temperature=1.0, text_temperature=1.0, top_k=1)
    assert made.reply(drawn) == made.reply(GREEDY)
    assert made.read(drawn, "a", "b") == made.read(GREEDY, "a", "b")


def test_a_long_reply_is_cut_off_and_has_not_ended(letters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    code = TokenLayout(len(letters), 8, 32).codebook(0).start
    monkeypatch.setattr(generate, "MAX_POSITIONS", 40)
    reply = scripted(letters, [code] * 99).read(GREEDY, "a")
    assert (len(reply.modalities), reply.ended, reply.well_formed) == (40, False, False)


@pytest.mark.parametrize(("penalty", "says"), [(1.0, 7), (1.1, 7), (1.5, 5)])
def test_the_last_five_codes_are_less_likely(letters: Any, penalty: float, says: int) -> None:
    made, layout = world(letters), TokenLayout(len(letters), 4, 32)
    start = layout.codebook(0).start
    generator = Generator(made.model, made.end, Decoding(repetition_penalty=penalty))
    logits = torch.full((layout.first_stream.stop,), -9.0)
    logits[start + 5], logits[start + 7], logits[start + 8] = 3.0, 4.0, -1.0
    reply = Reply(steps=[[start + code] * 4 for code in (5, 7, 1, 1, 1, 1)])  # 5 is longer ago than five steps
    generator._own(logits, reply, True, penalty)
    assert int(logits.argmax()) == start + says
    assert float(logits[start + 1]) == pytest.approx(-9.0 * penalty**4)


def test_a_reading_may_repeat_itself(letters: Any) -> None:
    made = world(letters)
    made.chatter()
    mild, strict = (Decoding(repetition_penalty=penalty) for penalty in (1.0, 9.0))
    assert made.read(mild, "a", " b").steps == made.read(strict, "a", " b").steps
    assert made.reply(mild).steps != made.reply(strict).steps


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
