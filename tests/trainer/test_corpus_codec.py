"""A corpus of another codec: built, verified, trained on, and heard, with a tiny Mimi of random weights."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines import files
from pipelines.build import Build
from pipelines.stage_table import close_stages
from pipelines.verify import verify
from schemas.errors import RecipeError
from schemas.recipe import Recipe
from tests.stages.backends.codec_models import write_codec
from trainer.corpus_codec import codec_of, open_codec
from trainer.speak import Speaker
from trainer.train import Plan, train

pytestmark = pytest.mark.slow

SIZES = {"name": "mimi", "sample_rate": 24_000, "frame_rate": 12.5, "num_codebooks": 4, "cardinality": 32}


@pytest.fixture(scope="module")
def mimi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_codec(tmp_path_factory.mktemp("mimi") / "tiny", "mimi")


@pytest.fixture(scope="module")
def corpus(mimi: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Embedded voices and ears, and another's codes."""
    recipe = {
        "name": "mimi",
        "seed": 3,
        "chunk_dialogues": 4,
        "splits": {"train": 0.5, "test": 0.5},
        "kinds": {"conversation": {"dialogues": 4, "user_voices": 4, "assistant_voices": 2, "languages": {"en": 1.0}}},
        "perform": {"attempts": 1, "pitch_audit_share": 0.0},
        "select": {"max_rejected_share": 1.0},
        "backends": {
            "codec": {"name": "mimi", "settings": {"model": str(mimi), "num_codebooks": 4, "device": "cpu"}},
        },
    }
    out = tmp_path_factory.mktemp("corpus") / "corpus"
    Build(Recipe.model_validate(recipe), str(out), f"{out}.work", workers=0).run()
    close_stages()
    return out


def manifest_of(corpus: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((corpus / "manifest.json").read_text())
    return found


def rows(corpus: Path, table: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted((corpus / table).glob("*.arrow")):
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            found += reader.read_all().to_pylist()
    return found


def test_rows_manifest_and_card_name_the_codec(corpus: Path, mimi: Path) -> None:
    revision = open_codec({"name": "mimi", "settings": {"model": str(mimi)}}).fingerprint
    assert manifest_of(corpus)["codec"] == SIZES | {"revision": revision}
    dialogues, utterances = rows(corpus, "dialogues"), rows(corpus, "utterances")
    assert len(utterances) >= 4
    assert [row["codec"] for row in dialogues + utterances] == [SIZES | {"revision": revision}] * (
        len(dialogues) + len(utterances)
    )
    for row in utterances:
        codes = np.asarray(row["codes"])
        assert codes.shape == (int(np.ceil(round(row["duration_s"] * 12.5, 6))), 4)
    card = (corpus / "README.md").read_text()
    assert f"uint16 [T, 4], by the codec `mimi` (revision {revision}):\n12.5 frames/s, 32 codes" in card


def test_verify_decodes_its_codes(corpus: Path) -> None:
    told: list[str] = []
    assert verify(str(corpus), tell=told.append) == []
    assert re.search(r"^[1-9]\d* utterances decoded: their mel bands are", told[0])


def test_verify_says_what_is_missing_where_the_codec_is_gone(corpus: Path, mimi: Path, tmp_path: Path) -> None:
    aside = shutil.move(mimi, tmp_path / "aside")
    try:
        faults = verify(str(corpus))
    finally:
        shutil.move(aside, mimi)
    assert len(faults) == 1
    assert re.search(r"^codes are not decoded: .*there is no such folder.*`hf download kyutai/mimi", faults[0])


def test_codes_of_other_weights_are_not_decoded(corpus: Path, mimi: Path, tmp_path: Path) -> None:
    other = shutil.copytree(corpus, tmp_path / "corpus")
    manifest = manifest_of(corpus)
    manifest["recipe"]["backends"]["codec"]["settings"]["model"] = str(write_codec(tmp_path / "other", "mimi", seed=9))
    files.write_sealed(str(other / "manifest.json"), {key: manifest[key] for key in manifest if key != "seal"})
    assert verify(str(other)) == [
        "codes were made by another revision of the codec than the one installed: they are not decoded"
    ]


def test_a_build_whose_codec_cannot_be_had_writes_nothing(corpus: Path, tmp_path: Path) -> None:
    recipe = manifest_of(corpus)["recipe"]
    recipe["backends"]["codec"]["settings"]["num_codebooks"] = 11
    with pytest.raises(RecipeError, match=r"num_codebooks' of the back end 'mimi' is 11"):
        Build(Recipe.model_validate(recipe), str(tmp_path / "out"), str(tmp_path / "work"), workers=0).run()
    assert not list(tmp_path.iterdir())


def test_a_model_learns_its_codes_and_speaks_them(
    corpus: Path, mimi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.generate.MAX_POSITIONS", 60)
    train(Plan(str(corpus), tmp_path / "model", "nano", steps=3, positions=512))
    kept = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (kept["num_codebooks"], kept["cardinality"]) == (4, 32)
    assert kept["codec"] == manifest_of(corpus)["codec"] | {"settings": {"model": str(mimi), "num_codebooks": 4}}
    speaker = Speaker.open(tmp_path / "model")
    spoken = speaker.read("Good morning.")
    assert spoken.rate_hz == 24_000
    assert len(spoken.codes) > 0
    assert spoken.codes.shape[1] == 4
    assert spoken.codes.max() < 32
    assert len(spoken.samples) == len(spoken.codes) * 1920
    assert speaker.listen(np.zeros(24_000, np.int16)).shape == (13, 4)
    more = train(Plan(str(corpus), tmp_path / "more", str(tmp_path / "model"), steps=1, positions=512))
    assert more["steps"] == 1


def test_settings_are_kept_as_they_are_good_elsewhere(
    mimi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mimi.parent)
    row = {"codec": {"name": "mimi"}}
    for chosen, kept in (
        ({"name": "mimi", "settings": {"model": "tiny", "device": "cuda", "dtype": "float16"}}, {"model": str(mimi)}),
        ({"name": "mimi", "settings": {"model": "kyutai/mimi", "num_codebooks": 8}}, None),
        ({"name": "kmeans-hn", "settings": {}}, {}),
        ("kmeans-hn", {}),
    ):
        manifest = {"recipe": {"backends": {"codec": chosen}}}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        wanted = chosen["settings"] if kept is None and isinstance(chosen, dict) else kept
        assert codec_of(str(tmp_path), row) == {"name": "mimi"} | ({"settings": wanted} if wanted else {})
    (tmp_path / "manifest.json").unlink()
    assert codec_of(str(tmp_path), row) == {"name": "mimi"}


def test_a_codec_that_cannot_be_opened_says_where_its_settings_are(mimi: Path, tmp_path: Path) -> None:
    where = r"config\.json keeps its codec's settings in 'codec': 'settings', and they can be mended there"
    with pytest.raises(RecipeError, match=rf"there is no such folder.*{where}"):
        open_codec({"name": "mimi", "settings": {"model": str(tmp_path / "gone")}})
    with pytest.raises(RecipeError, match=rf"codes of mimi with weights abc, but the weights here are .*{where}"):
        open_codec({"name": "mimi", "revision": "abc", "settings": {"model": str(mimi)}})
    with pytest.raises(RecipeError, match=r"'mimi' needs the setting 'model': add it\.$"):
        open_codec({"name": "mimi"})
