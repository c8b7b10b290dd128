"""What the tests of the trainer share."""

from pathlib import Path

import pytest

from tests.trainer.export_corpora import build_corpus


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished corpus; tests read it and never write into it."""
    return build_corpus(tmp_path_factory.mktemp("export"))
