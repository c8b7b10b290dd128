"""The codec of a corpus' codes, as a model keeps it: what it is, and with which settings it is opened to be heard."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice
from stages.backends.protocols import AudioCodec
from stages.backends.registry import load
from stages.backends.torch_placement import elsewhere


def codec_of(corpus: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The codec column of a row and, where the corpus' recipe had any, `settings` to open it with elsewhere: paths
    are absolute, and device and precision left out."""
    manifest = Path(corpus) / "manifest.json"
    recipe = json.loads(manifest.read_text("utf-8"))["recipe"] if manifest.is_file() else {}
    chosen = recipe.get("backends", {}).get("codec")
    given = chosen.get("settings", {}) if isinstance(chosen, dict) else {}  # older manifests hold but the name
    settings = {name: _absolute(value) for name, value in elsewhere(given).items()}
    return dict(row["codec"]) | ({"settings": settings} if settings else {})


def open_codec(codec: Mapping[str, Any]) -> AudioCodec:
    """The codec that `codec_of` describes, opened. Raises RecipeError where it cannot be, and for other weights."""
    settings = codec.get("settings") or {}
    where = "the model's config.json keeps its codec's settings in 'codec': 'settings', and they can be mended there"
    try:
        found: AudioCodec = load("codec", BackendChoice(name=codec["name"], settings=settings))
        here = found.fingerprint
        if codec.get("revision") and not codec["revision"].startswith(here[: len(codec["revision"])]):
            raise RecipeError(
                f"the model speaks codes of {codec['name']} with weights {codec['revision']}, but the weights here are "
                f"{here[:16]}: use the version of troupe it was trained with, or train it anew."
            )
        found.open()
    except RecipeError as error:
        raise RecipeError(f"{error} ({where})" if settings else str(error)) from error
    return found


def _absolute(value: Any) -> Any:
    """A path that is there, from the root; anything else as it is, such as a name on a hub."""
    return str(Path(value).resolve()) if isinstance(value, str) and value and Path(value).exists() else value
