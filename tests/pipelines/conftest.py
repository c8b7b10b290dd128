"""Small corpora on fake back ends, built in this process."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.build import Build
from pipelines.manifests import Manifest
from pipelines.stage_table import close_stages
from schemas.recipe import Recipe
from tests import fakes

NO_LIMITS = [
    {"measure": measure, side: bound}
    for measure, side, bound in (
        ("dnsmos_ovrl", "minimum", 0.0),
        ("seconds_per_character", "minimum", 0.0),
        ("seconds_per_character", "maximum", 100.0),
        ("leading_silence_s", "maximum", 100.0),
        ("trailing_silence_s", "maximum", 100.0),
        ("hnr_db", "maximum", 1000.0),
    )
]
"""A tone is no voice: silero-vad hears none, it is too pure, and its pace is nobody's."""


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fakes.install(monkeypatch)
    close_stages()
    yield
    close_stages()


def fake_recipe_data(**changes: Any) -> dict[str, Any]:
    """A recipe of 12 dialogues on the fakes, as it stands in TOML."""
    data: dict[str, Any] = {
        "name": "fake",
        "seed": 5,
        "chunk_dialogues": 4,
        "kinds": {"conversation": {"dialogues": 12, "user_voices": 9, "assistant_voices": 3}},
        "splits": {"train": 0.5, "validation": 0.25, "test": 0.25},
        "backends": fakes.BACKENDS,
        "perform": {"limits": NO_LIMITS, "attempts": 2, "pitch_audit_share": 0.0},
    }
    return data | changes


def fake_recipe(**changes: Any) -> Recipe:
    """The same, checked."""
    return Recipe.model_validate(fake_recipe_data(**changes))


SMALL = fake_recipe(
    chunk_dialogues=2,
    kinds={"conversation": {"dialogues": 6, "user_voices": 6, "assistant_voices": 3}},
    splits={"train": 0.5, "test": 0.5},
)


def build_into(folder: Path, recipe: Recipe | None = None, **options: Any) -> Manifest | None:
    """Builds a recipe into folder/corpus; keywords go to Build."""
    out = str(folder / "corpus")
    settings = {"out": out, "work": out + ".work", "workers": 0} | options
    return Build(recipe or fake_recipe(), **settings).run()


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Manifest | None]:
    return partial(build_into, tmp_path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed build of SMALL."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        build_into(folder, SMALL)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))
