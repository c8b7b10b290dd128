from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from schemas.tokens import IM_END, NOTES, PAD, SPECIALS
from trainer.text_tokens import load_tokenizer, train_tokenizer, with_specials

TEXTS = ["the cat sat on the mat", "the cat and the hat", "今天天气很好", "今天我们去公园"] * 5


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, vocabulary=300)


def encoded(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("text", [*TEXTS[:4], "Zürich — 😀\n\t", "", " two  spaces ", "'s", "\x00", "한국어"])
def test_any_text_comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    assert tokenizer.decode(encoded(tokenizer, text)) == text


def test_frequent_words_are_joined_and_chinese_characters_are_not(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(encoded(tokenizer, "the cat")) < 4
    today = encoded(tokenizer, "今天")
    assert today == encoded(tokenizer, "今") + encoded(tokenizer, "天")


def test_specials_follow_the_vocabulary_and_are_never_split(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer.convert_tokens_to_ids(list(SPECIALS))
    assert ids == list(range(len(tokenizer) - len(SPECIALS), len(tokenizer)))
    assert len(tokenizer) <= 300 + len(SPECIALS)
    assert encoded(tokenizer, f"a{NOTES[60]}b{IM_END}\n") == [
        *encoded(tokenizer, "a"),
        tokenizer.convert_tokens_to_ids(NOTES[60]),
        *encoded(tokenizer, "b"),
        tokenizer.convert_tokens_to_ids(IM_END),
        *encoded(tokenizer, "\n"),
    ]
    assert (tokenizer.pad_token, tokenizer.eos_token) == (PAD, IM_END)


def test_training_twice_gives_the_same(tokenizer: PreTrainedTokenizerBase) -> None:
    assert train_tokenizer(TEXTS, vocabulary=300).get_vocab() == tokenizer.get_vocab()


def test_saved_and_loaded_it_is_the_same(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.get_vocab() == tokenizer.get_vocab()
    text = f"the cat{IM_END} 今天{NOTES[40]}"
    assert encoded(loaded, text) == encoded(tokenizer, text)
    assert (loaded.pad_token, loaded.eos_token) == (PAD, IM_END)


def test_specials_are_added_where_a_checkpoint_lacks_them(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer([], 256).backend_tokenizer)
    plain.save_pretrained(tmp_path)
    assert plain.eos_token is None
    loaded = load_tokenizer(tmp_path)
    assert loaded.eos_token == IM_END
    size = len(loaded)
    assert len(with_specials(loaded)) == size
    assert len(AutoTokenizer.from_pretrained(tmp_path)) == size
