from dataclasses import replace
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, DynamicCache

from schemas.tokens import MARKERS, SPEAKER, TokenLayout
from tests.trainer.tiny import CODEC, config, drawn_codes, model
from trainer.model import IGNORED, SIZES, SpokenConfig, SpokenModel, sized
from trainer.packing import collate
from trainer.samples import CHAT_SYSTEM, VOICE_LINE, Message, Sample
from trainer.sequences import Sequence, SequenceMaker

VOICE = np.array([1.0, -0.5, 0.3, 2.0, -1.0, 0.1], np.float32)


def sequence(maker: SequenceMaker, name: str, frames: int = 9, speaker: np.ndarray = VOICE) -> Sequence:
    """A voice, something heard, and a reply in text and audio."""
    codec = {"num_codebooks": maker.layout.num_codebooks, "cardinality": maker.layout.cardinality}
    messages = (
        Message("system", CHAT_SYSTEM),
        Message("user", "", drawn_codes(4, f"{name} heard", codec)),
        Message("assistant", f"hello {name}", drawn_codes(frames, name, codec)),
    )
    return maker.sequence(Sample(name, "conversation", messages, speaker))


def hidden(made: SpokenModel, batch: dict[str, Any]) -> torch.Tensor:
    """[P, H]."""
    with torch.no_grad():
        return made(**{name: value for name, value in batch.items() if name != "labels"}).hidden[0]


def logits(made: SpokenModel, states: torch.Tensor) -> torch.Tensor:
    """[P, all of what is predicted]."""
    with torch.no_grad():
        return torch.cat([made.first_logits(states), made.code_logits(states).flatten(1)], dim=1)


@pytest.fixture(scope="module")
def made(layout: TokenLayout) -> SpokenModel:
    return model(layout)


def test_an_audio_position_enters_as_the_mean_of_its_embeddings(made: SpokenModel, layout: TokenLayout) -> None:
    step = [layout.codebook(index).start + index for index in range(4)]
    ids = torch.tensor([[[5, -1, -1, -1], step]])
    table = made.embeddings.weight
    embedded = made.embed(ids)[0]
    assert torch.equal(embedded[0], table[5])
    assert torch.allclose(embedded[1], (table[step[0]] + table[step[1]] + table[step[2]] + table[step[3]]) / 4)


def test_a_marked_position_enters_as_its_projected_vector(made: SpokenModel, layout: TokenLayout) -> None:
    mark = [layout.marker(SPEAKER), -1, -1, -1]
    ids = torch.tensor([[mark, [5, -1, -1, -1], mark]])
    vectors = torch.stack([torch.from_numpy(VOICE), torch.from_numpy(-2 * VOICE)])
    embedded = made.embed(ids, vectors)[0]
    norm, first, _, second = made.speaker
    normed = (vectors - vectors.mean(1, keepdim=True)) / (vectors.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    by_hand = F.gelu(normed @ first.weight.T + first.bias) @ second.weight.T + second.bias
    assert torch.equal(norm.weight, torch.ones(6))
    assert torch.allclose(embedded[[0, 2]], by_hand, atol=1e-5)
    assert torch.equal(embedded[1], made.embeddings.weight[5])


def test_another_voice_changes_what_follows_it_and_nothing_before(made: SpokenModel, maker: SequenceMaker) -> None:
    one = sequence(maker, "a")
    place = int((one.ids[:, 0] == maker.layout.marker(SPEAKER)).argmax())
    states = [hidden(made, collate([replace(one, speaker=voice)], maker)) for voice in (VOICE, VOICE[::-1].copy())]
    same = torch.isclose(states[0], states[1], atol=1e-6).all(dim=1)
    assert place > 10
    assert same[:place].all()
    assert not same[place:].any()


def test_sequences_packed_together_are_as_if_alone(made: SpokenModel, maker: SequenceMaker) -> None:
    alone = [sequence(maker, name, frames) for name, frames in {"a": 9, "b": 3, "c": 20}.items()]
    together = logits(made, hidden(made, collate(alone, maker))).split([len(one) for one in alone])
    for one, found in zip(alone, together, strict=True):
        assert torch.allclose(found, logits(made, hidden(made, collate([one], maker))), atol=1e-5)


@pytest.mark.parametrize("place", range(3))
def test_changing_a_packed_sequence_changes_no_other(made: SpokenModel, maker: SequenceMaker, place: int) -> None:
    alone = [sequence(maker, name) for name in ("a", "b", "c")]
    changed = list(alone)
    changed[place] = replace(alone[place], ids=alone[place].ids[::-1].copy(), speaker=2 * VOICE[::-1].copy())
    lengths = [len(one) for one in alone]
    before, after = (hidden(made, collate(packed, maker)).split(lengths) for packed in (alone, changed))
    equal = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert equal == [index != place for index in range(3)]


def test_a_position_sees_none_that_follows(made: SpokenModel, maker: SequenceMaker) -> None:
    one = sequence(maker, "a")
    shorter = replace(one, ids=one.ids[:-5], learned=one.learned[:-5])
    states = hidden(made, collate([one], maker))[:-5]
    assert torch.allclose(states, hidden(made, collate([shorter], maker)), atol=1e-5)


def test_a_cache_and_no_segments_give_the_same_states(made: SpokenModel, maker: SequenceMaker) -> None:
    batch = collate([sequence(maker, "a")], maker)
    wanted = hidden(made, batch)
    cache = DynamicCache(config=made.config.backbone)
    prompt, states = 100, []  # the voice's place lies before
    for start, end in [(0, prompt), *((place, place + 1) for place in range(prompt, len(wanted)))]:
        with torch.no_grad():
            output = made(
                ids=batch["ids"][:, start:end],
                speakers=batch["speakers"] if start == 0 else None,
                position_ids=torch.arange(start, end)[None],
                past_key_values=cache,
            )
        states.append(output.hidden[0])
    assert torch.allclose(torch.cat(states), wanted, atol=1e-4)


def slow_losses(made: SpokenModel, states: list[list[float]], labels: list[list[int]]) -> list[float]:
    """Position by position: cross entropy of each stream's own softmax over its own rows of the head."""
    layout, head = made.layout, made.head.weight.detach().double().tolist()
    slices = [layout.first_stream, *(layout.codebook(index) for index in range(1, layout.num_codebooks))]
    sums = [[] for _ in slices]
    for state, wanted in zip(states[:-1], labels[1:], strict=True):
        for stream, (ids, label) in enumerate(zip(slices, wanted, strict=True)):
            if label == IGNORED:
                continue
            scores = {token: sum(a * b for a, b in zip(state, head[token], strict=True)) for token in ids}
            highest = max(scores.values())
            total = sum(exp(score - highest) for score in scores.values())
            sums[stream].append(highest + log(total) - scores[label])
    return [sum(terms) / len(terms) for terms in sums]


@pytest.mark.parametrize(("num_codebooks", "cardinality"), [(1, 16), (2, 16), (4, 8), (9, 8)])
def test_losses_are_those_of_a_slow_computation(letters: Any, num_codebooks: int, cardinality: int) -> None:
    layout = TokenLayout(len(letters), num_codebooks, cardinality)
    maker = SequenceMaker(letters, layout, 12.5)
    made = model(layout, seed=num_codebooks, hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    batch = collate([sequence(maker, "a", 2), sequence(maker, "b", 1)], maker)
    with torch.no_grad():
        output = made(**batch)
    states = hidden(made, batch).double().tolist()
    wanted = slow_losses(made, states, batch["labels"][0].tolist())
    assert len(wanted) == num_codebooks
    assert output.losses.tolist() == pytest.approx(wanted, rel=1e-4)
    others = wanted[1:]
    assert output.loss.item() == pytest.approx(wanted[0] + (sum(others) / len(others) if others else 0.0), rel=1e-4)


def test_only_what_is_learned_has_a_loss(made: SpokenModel, maker: SequenceMaker) -> None:
    batch = collate([sequence(maker, "a")], maker)
    labels = torch.full_like(batch["labels"], IGNORED)
    labels[0, -2:] = batch["labels"][0, -2:]  # <|im_end|> and its newline
    with torch.no_grad():
        found = made(**{**batch, "labels": labels})
    states = hidden(made, batch)[-3:-1]
    wanted = F.cross_entropy(made.first_logits(states), batch["ids"][0, -2:, 0])
    assert found.loss.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_a_row_of_text_alone_has_one_loss_and_sound_gradients(layout: TokenLayout, maker: SequenceMaker) -> None:
    made = model(layout)
    messages = (Message("user", "", drawn_codes(4, "heard")), Message("assistant", "hello"))
    batch = collate([maker.sequence(Sample("s", "asr", messages))], maker)
    output = made(**batch)
    output.loss.backward()
    assert output.loss.item() == output.losses[0].item()
    assert output.losses[1:].isnan().all()
    given = {name: parameter.grad for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert all(gradient.isfinite().all() for gradient in given.values())
    assert {name for name, _ in made.named_parameters() if name not in given} == {
        "backbone.embed_tokens.weight",
        *(name for name, _ in made.named_parameters() if name.startswith("speaker.")),
    }


def test_everything_that_is_used_learns(layout: TokenLayout, maker: SequenceMaker) -> None:
    made = model(layout)
    made(**collate([sequence(maker, "a")], maker)).loss.backward()
    unused = {name for name, one in made.named_parameters() if one.grad is None or not one.grad.any()}
    assert unused == {"backbone.embed_tokens.weight"}


def test_logits_are_slices_of_one_head(made: SpokenModel, layout: TokenLayout) -> None:
    states = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    every = states @ made.head.weight.T
    assert torch.allclose(made.first_logits(states), every[:, : layout.codebook(0).stop], atol=1e-5)
    codes = made.code_logits(states)
    assert codes.shape == (3, 3, 36)
    for index in range(1, 4):
        own = layout.codebook(index)
        assert torch.allclose(codes[:, index - 1], every[:, own.start : own.stop], atol=1e-5)


def test_saved_and_loaded_it_is_bit_equal(made: SpokenModel, maker: SequenceMaker, tmp_path: Path) -> None:
    made.save_pretrained(tmp_path)
    loaded = SpokenModel.from_pretrained(tmp_path)
    assert loaded.state_dict().keys() == made.state_dict().keys()
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert loaded.head.weight is loaded.embeddings.weight
    assert loaded.config.layout == made.layout
    assert loaded.config.codec == CODEC
    known = loaded.config.backbone.to_dict()
    assert known == made.config.backbone.to_dict() | {"dtype": known["dtype"]}
    batch = collate([sequence(maker, "a"), sequence(maker, "b")], maker)
    assert torch.equal(hidden(loaded, batch), hidden(made, batch))
    assert (tmp_path / "model.safetensors").is_file()


def test_auto_classes_know_it(made: SpokenModel, tmp_path: Path) -> None:
    made.save_pretrained(tmp_path)
    read = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(read, SpokenConfig)
    assert (read.model_type, read.num_codebooks, read.cardinality, read.speaker_size) == ("troupe", 4, 32, 6)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, SpokenModel)
    assert torch.equal(loaded.embeddings.weight, made.embeddings.weight)


def test_a_head_of_its_own_stays_so(layout: TokenLayout, tmp_path: Path) -> None:
    untied = config(layout)
    untied.tie_word_embeddings = False
    made = SpokenModel(untied)
    assert made.head.weight is not made.embeddings.weight
    made.save_pretrained(tmp_path)
    loaded = SpokenModel.from_pretrained(tmp_path)
    assert torch.equal(loaded.head.weight, made.head.weight)
    assert not torch.equal(loaded.head.weight, loaded.embeddings.weight)


def test_the_defaults_of_a_configuration_are_those_of_the_original() -> None:
    read = SpokenConfig()
    assert (read.num_codebooks, read.cardinality) == (8, 1024)
    assert read.layout == TokenLayout(1, 8, 1024)


@pytest.mark.parametrize(("size", "millions"), [("nano", 9), ("mini", 33), ("small", 150)])
def test_named_sizes_are_as_large_as_they_say(size: str, millions: int) -> None:
    layout = TokenLayout(1024 + 158, 8, 1024)
    with torch.device("meta"):
        made = SpokenModel(sized(size, layout, 192, {"name": "x"}))
    count = sum(parameter.numel() for parameter in made.parameters())
    assert count == pytest.approx(millions * 1e6, rel=0.15)
    assert set(SIZES) == {"nano", "mini", "small"}
    assert made.embeddings.weight.shape[0] == 1182 + 8 * 1032 + len(MARKERS)


def test_a_message_of_the_voice_alone_has_one_place(maker: SequenceMaker) -> None:
    one = maker.sequence(Sample("s", "tts", (Message("system", VOICE_LINE),), VOICE))
    assert (one.ids[:, 0] == maker.layout.marker(SPEAKER)).sum() == 1
