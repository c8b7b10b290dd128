"""What shapes the bytes is in the digest, and what does not is not."""

from pathlib import Path

import pytest

from pipelines.shape import changes, code_digest, shape_digest, shape_of
from tests.fakes import CountingCodec
from tests.pipelines.conftest import fake_recipe


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_comments_layout_and_docstrings_do_not_count(tmp_path: Path) -> None:
    one = write(tmp_path / "one.py", 'X = 1\n"""What X is."""\ndef f(a):\n    """Says."""\n    return a + X\n')
    two = write(tmp_path / "two.py", "# a note\nX = 1\n\n\ndef f(a):\n    return (a +\n        X)\n")
    three = write(tmp_path / "three.py", "X = 2\ndef f(a):\n    return a + X\n")
    assert code_digest(one) == code_digest(two)
    assert code_digest(one) != code_digest(three)


def test_both_phases_name_code_recipe_back_ends_and_packages() -> None:
    write_shape, perform_shape = shape_of("write", fake_recipe()), shape_of("perform", fake_recipe())
    assert "code: stages.near_duplicates" in write_shape
    assert "code: stages.score_quality" in perform_shape
    assert "code: stages.backends.silero_activity" in perform_shape
    assert "code: stages.score_quality" not in write_shape
    assert perform_shape["back end: codec"] == "fake-1"
    assert {"package: numpy", "package: praat-parselmouth", "package: apache-beam"} <= perform_shape.keys()
    assert "limits: embedded" in perform_shape


def test_selection_limits_and_shard_size_are_outside_the_digest() -> None:
    plain = fake_recipe()
    cut = fake_recipe(select={"limits": [{"measure": "gap", "maximum": 1.0}], "shard_mb": 3})
    for phase in ("write", "perform"):
        assert shape_of(phase, plain) == shape_of(phase, cut)


def test_a_change_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shape_of("perform", fake_recipe())
    monkeypatch.setattr(CountingCodec, "fingerprint", "fake-2")
    after = shape_of("perform", fake_recipe(seed=6))
    assert changes(before, after) == ["back end: codec", "recipe: seed (5 -> 6)"]
    assert shape_digest(before) != shape_digest(after)


def test_an_edited_grammar_changes_the_write_shape(tmp_path: Path) -> None:
    import shutil

    from prompts import grammar  # a namespace of data

    folder = tmp_path / "grammar"
    shutil.copytree(next(iter(grammar.__path__)), folder)
    recipe = fake_recipe(backends={"script": {"name": "grammar", "settings": {"grammar": str(folder)}}})
    before = shape_of("write", recipe)
    common = folder / "en" / "common.toml"
    common.write_text(common.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    assert changes(before, shape_of("write", recipe)) == ["back end: script"]


def test_the_code_of_ears_that_another_back_end_calls_counts(tmp_path: Path) -> None:
    file = write(tmp_path / "tiny.pt", "weights")
    ears = {"en": {"name": "whisper", "settings": {"model": str(file)}}, "zh": "phone-ctc"}
    shape = shape_of("perform", fake_recipe(backends={"transcription": {"name": "by-language", "settings": ears}}))
    assert {f"code: stages.backends.{name}_transcriber" for name in ("by_language", "whisper", "phone")} <= shape.keys()
    assert {"package: openai-whisper", "package: jiwer", "package: zhconv"} <= shape.keys()
    assert "code: stages.backends.funasr_transcriber" not in shape
