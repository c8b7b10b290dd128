"""The calling code over a checkout with a toy in the place of the net: its loading, arguments and answers, in both
forms of its sources."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import schemas
from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.registry import load
from tests.stages.backends.xy_checkout import write_xy

FORMS = {"alone": 16_000, "in TTSD": 24_000}


def choose(settings: dict[str, Setting]) -> Any:
    return load("codec", BackendChoice(name="xy-tokenizer", settings={"device": "cpu"} | settings))


def noise(seconds: float, loudness: float = 3000) -> Samples:
    return np.random.default_rng(0).normal(0, loudness, round(seconds * SAMPLE_RATE)).astype(np.int16)


@pytest.mark.parametrize("form", FORMS)
def test_clips_are_coded_and_decoded_by_the_checkout(form: str, tmp_path: Path) -> None:
    codec = choose(write_xy(tmp_path / "xy", form))
    facts = (codec.sample_rate, codec.frame_rate, codec.num_codebooks, codec.cardinality)
    assert facts == (FORMS[form], 12.5, 8, 1024)
    codec.open()
    codes = codec.encode([noise(1.01), noise(0.1, 300), noise(40.0)])
    assert [one.values.shape for one in codes] == [(13, 8), (2, 8), (500, 8)]
    assert {one.values.dtype for one in codes} == {np.dtype(np.uint16)}
    sounds = codec.decode([one.values for one in codes])
    assert [len(sound) for sound in sounds] == [frames * FORMS[form] * 2 // 25 for frames in (13, 2, 500)]
    # The toy codes loudness: a mean of |noise| of 0.8 of its deviation, less what lies above 8 kHz.
    assert [np.abs(sound[:1280]).mean() for sound in sounds] == pytest.approx([1950, 195, 1950], rel=0.1)
    assert codes[0].codec == "xy-tokenizer"
    assert (codes[0].sample_rate, codes[0].frame_rate, codes[0].cardinality) == (FORMS[form], 12.5, 1024)


def test_an_empty_clip_and_codes_of_another_shape_are_errors(tmp_path: Path) -> None:
    codec = choose(write_xy(tmp_path / "xy"))
    codec.open()
    with pytest.raises(ValueError, match=r"it must be \[N\] with N > 0"):
        codec.encode([noise(0.0)])
    with pytest.raises(ValueError, match=r"it must be \[T, 8\]"):
        codec.decode([np.zeros((3, 4), np.uint16)])


def test_nothing_else_of_a_checkout_can_be_imported(tmp_path: Path) -> None:
    """Its folders `schemas` and `utils` raise when imported."""
    before = list(sys.path)
    choose(write_xy(tmp_path / "xy")).open()
    assert sys.path == before
    assert importlib.import_module("schemas") is schemas
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("utils")


def test_each_checkout_has_its_own_code(tmp_path: Path) -> None:
    settings = {form: write_xy(tmp_path / form, form) for form in FORMS}
    for form in (*FORMS, *FORMS):
        codec = choose(settings[form])
        codec.open()
        assert len(codec.decode([np.zeros((2, 8), np.uint16)])[0]) == FORMS[form] * 4 // 25


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_runs_no_code_though_the_checkout_would_let_it(tmp_path: Path) -> None:
    settings = write_xy(tmp_path / "xy")
    torch.save(
        {"generator": {"quantizer.gain": torch.ones(1)}, "trap": Trap(tmp_path / "sprung")}, settings["checkpoint"]
    )
    with pytest.raises(RecipeError, match=r"cannot be opened \(UnpicklingError: Weights only load failed"):
        choose(settings).open()
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_net_are_an_error(tmp_path: Path) -> None:
    settings = write_xy(tmp_path / "xy")
    torch.save({"generator": {"quantizer.loss": torch.ones(1)}}, settings["checkpoint"])
    with pytest.raises(RecipeError, match=r"cannot be opened \(RuntimeError: Error.* in loading state_dict"):
        choose(settings).open()


@pytest.mark.parametrize("name", ["checkout", "config", "checkpoint"])
def test_what_is_missing_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    settings = write_xy(tmp_path / "xy") | {name: str(tmp_path / "nowhere")}
    wanted = rf"settings\.{name}: there is no file '.*nowhere.*`git clone .*`hf download .*checkpoint to DIR/"
    codec = choose(settings)
    for ask in (lambda: codec.open(), lambda: codec.fingerprint, lambda: codec.frame_rate):
        with pytest.raises(RecipeError, match=wanted):
            ask()


@pytest.mark.parametrize("text", ["generator_params: {}", "- 1", "generator_params: {sample_rate: 16000}", "a: [", ""])
def test_a_configuration_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    settings = write_xy(tmp_path / "xy")
    Path(settings["config"]).write_text(text)
    with pytest.raises(RecipeError, match=r"config\.yaml' is not its configuration"):
        assert choose(settings).sample_rate


def test_the_fingerprint_is_of_code_configuration_and_checkpoint(tmp_path: Path) -> None:
    found = set()
    for changed in ("nothing", "xy_tokenizer/nn/quantizer.py", "config.yaml", "xy_tokenizer.ckpt"):
        settings = write_xy(tmp_path / changed.replace("/", "-"))
        if changed != "nothing":
            with (Path(settings["checkout"]) / changed).open("ab") as file:
                file.write(b"\n")
        found.add(choose(settings).fingerprint)
    assert len(found) == 4
    assert choose(write_xy(tmp_path / "again")).fingerprint in found


def test_a_setting_that_is_no_text_is_named() -> None:
    settings: dict[str, Setting] = {"checkout": 1, "config": "c", "checkpoint": "p"}
    with pytest.raises(RecipeError, match=r"'settings\.checkout' of the back end 'xy-tokenizer' is not a text"):
        choose(settings)
