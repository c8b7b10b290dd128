"""What the tests of the trainer share."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from schemas.tokens import TokenLayout
from tests.trainer import tiny
from tests.trainer.export_corpora import build_corpus
from trainer.sequences import SequenceMaker


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums in one order, so that runs can be compared bit by bit; and on busy cores more threads are slower by far."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished corpus; tests read it and never write into it."""
    return build_corpus(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def letters() -> PreTrainedTokenizerBase:
    """Every ASCII character is one token."""
    return tiny.letters()


@pytest.fixture(scope="session")
def layout(letters: PreTrainedTokenizerBase) -> TokenLayout:
    """Four codebooks of 32 codes after the letters."""
    return TokenLayout(len(letters), 4, 32)


@pytest.fixture(scope="session")
def maker(letters: PreTrainedTokenizerBase, layout: TokenLayout) -> SequenceMaker:
    return SequenceMaker(letters, layout, 12.5)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three dialogues a split on disk."""
    splits = {split: tiny.dialogues(prefix=split[:2]) for split in tiny.SPLITS}
    return tiny.write_corpus(Path(tmp_path_factory.mktemp("trainer")) / "corpus", splits)
