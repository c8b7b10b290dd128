"""The back end of docs/a_back_end.md is one: its file and its line are all it needs."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice
from stages.backends import registry

PAGE = Path(__file__).parents[1] / "docs" / "a_back_end.md"


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's file is in its place, and its line in the table."""
    page = PAGE.read_text("utf-8")
    source, line = re.findall(r"```(?:python)?\n(.*?)```", page, re.DOTALL)[:2]
    entry: dict[tuple[str, str], str] = eval(f"{{{line}}}")
    ((key, place),) = entry.items()
    module = ModuleType(place.split(":")[0])
    exec(compile(source, str(PAGE), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(registry.BACKENDS, key, place)


def choice(**settings: Any) -> BackendChoice:
    return BackendChoice(name="mfcc", settings=settings)


def voiced(f0_hz: float) -> Any:
    time_s = np.arange(24_000) / 24_000
    return (3000 * sum(np.sin(2 * np.pi * n * f0_hz * time_s) / n for n in range(1, 20))).astype(np.int16)


def test_the_back_end_of_the_page_keeps_the_contract(added: None) -> None:
    backend = registry.load("speaker", choice(coefficients=30))
    for step in (backend.open, backend.open):
        step()
    low, high = backend.embed([voiced(100), voiced(250)])
    assert (low.shape, low.dtype) == ((29,), np.float32) == ((backend.width,), np.float32)
    assert np.linalg.norm(low) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(backend.embed([voiced(250)])[0], high)
    assert low @ high < 0.99
    assert backend.embed([]) == []
    with pytest.raises(ValueError, match="without samples"):
        backend.embed([np.zeros(0, np.int16)])
    backend.close()
    with pytest.raises(RuntimeError, match="not open"):
        backend.embed([voiced(100)])


def test_the_registry_sees_to_its_settings(added: None) -> None:
    assert registry.load("speaker", choice()).fingerprint == "mfcc"
    with pytest.raises(RecipeError, match="'mfcc' has no setting 'width'; it has: coefficients"):
        registry.load("speaker", choice(width=30))
    with pytest.raises(RecipeError, match="1 is not a whole number"):
        registry.load("speaker", choice(coefficients=1))
