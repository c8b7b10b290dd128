"""The perform graph: one fused stage from casting to writing, with resource hints too, and seeds per attempt."""

import re
from dataclasses import asdict

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.perform import Line, build_perform, next_attempt
from schemas.limits import Limits
from schemas.script import Character, Turn
from schemas.seeds import derive_seed
from schemas.take import Voice
from tests.pipelines.conftest import fake_recipe

NO_BOUNDS = Limits("embedded", ())
STEPS = ["ReadScripts", "CastVoices", "SynthesizeSpeech", "Transcribe", "ScorePitch", "ScoreQuality", "WriteChunk"]


def line() -> Line:
    person = dict.fromkeys(("name", "identity", "personality", "temperament", "timbre"), "x")
    character = Character(character_id="en-u0", language="en", age="youth", gender="male", pace="normal", **person)
    turn = Turn(role="user", text="hello", intent="greet")
    return Line("d", 1, 0, 7, "conversation", "en", turn, "hello", character, Voice("v", "fake", {}))


@pytest.mark.parametrize("hints", [{}, {"min_ram": "8GB", "accelerator": "type:nvidia-l4;count:1"}])
def test_from_casting_to_writing_is_one_fused_stage(hints: dict[str, str]) -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    build_perform(pipeline, [], fake_recipe(), NO_BOUNDS, "work", {"num_codebooks": 8}, hints)
    proto = pipeline.to_runner_api()
    stages = FnApiRunner().create_stages(proto)[1]
    steps = [{re.sub(r" \d+$", "", t.unique_name.split("/")[-1]) for t in stage.transforms} for stage in stages]
    holding_audio = [names for names in steps if names & set(STEPS)]
    assert len(holding_audio) == 1
    assert set(STEPS) <= holding_audio[0]
    assert "Write" not in holding_audio[0]  # a shuffle's writing end: nothing leaves the fused stage for one
    hinted = [bool(e.resource_hints) for e in proto.components.environments.values()]
    assert any(hinted) == bool(hints)


def test_the_next_attempt_differs_in_attempt_and_seed_alone() -> None:
    first = line()
    second = next_attempt(first, recipe_seed=3)
    assert second.seed == derive_seed(3, "d", 1, 1)
    assert asdict(second) == asdict(first) | {"attempt": 1, "seed": second.seed}
    assert next_attempt(first, recipe_seed=4).seed != second.seed
