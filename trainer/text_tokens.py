"""The text tokenizer: byte-level BPE trained on the corpus, saved with the model; or the one of a Qwen3 checkpoint."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from schemas.tokens import IM_END, PAD, SPECIALS

VOCABULARY = 1536
"""Tokens of BPE. So small that text runs only a little ahead of its sound, of which eight frames are as long as four
tokens: 2.9 English letters, 0.9 Chinese characters. The text then stays beside its sound."""


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerBase:
    """Byte-level BPE: any text can be written. Chinese characters are never joined; SPECIALS follow the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("[\u4e00-\u9fff]"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return with_specials(PreTrainedTokenizerFast(tokenizer_object=tokenizer))


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a saved model or checkpoint, SPECIALS added where it lacks them."""
    return with_specials(AutoTokenizer.from_pretrained(folder))


def with_specials(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Adds SPECIALS, which are never split."""
    tokenizer.add_tokens(list(SPECIALS), special_tokens=True)
    tokenizer.pad_token, tokenizer.eos_token = PAD, IM_END
    return tokenizer
