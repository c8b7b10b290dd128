import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from schemas.roles import describe
from schemas.take import Line
from stages.backends.openai_speech_body import Likeness, clone_body, design_body, named_body, trial_body
from stages.backends.openai_speech_settings import SpeechSettings
from stages.backends.spoken_manner import LONGEST
from tests.stages.backends.test_openai_speech_settings import BARE

MakeLine = Callable[..., Line]
LIKENESS = Likeness(b"RIFF", "What it says.")
CLONED = {"ref_audio": f"data:audio/wav;base64,{base64.b64encode(b'RIFF').decode()}", "ref_text": "What it says."}


def settings(**changes: Any) -> SpeechSettings:
    return SpeechSettings.checked(BARE | changes)


def test_a_named_voice_is_told_who_it_is_and_how_it_speaks(make_line: MakeLine) -> None:
    line = make_line("whisper")
    assert named_body(settings(send_seed=True), line, "nova") == {
        "model": "m",
        "voice": "nova",
        "response_format": "wav",
        "seed": 7,
        "instructions": f"{describe(line.character)} Speak in a whisper.",
    }


def test_instructions_are_no_longer_than_an_endpoint_takes(make_line: MakeLine) -> None:
    line = make_line("whisper")
    line = replace(line, character=line.character.model_copy(update={"personality": "calm " * 200}))
    instructions = named_body(settings(), line, "nova")["instructions"]
    assert len(instructions) == LONGEST
    assert instructions.endswith(" Speak in a whisper.")
    assert len(design_body(settings(mode="design", voices=None), line)["instructions"]) == LONGEST


def test_a_new_voice_is_asked_of_the_designing_model(make_line: MakeLine) -> None:
    line = make_line()
    body = design_body(settings(mode="design", voices=None, design_model="d", instruct=False), line)
    assert body == {
        "task_type": "VoiceDesign",
        "model": "d",
        "response_format": "wav",
        "seed": 7,
        "instructions": describe(line.character),
    }


def test_a_cloned_voice_has_its_likeness_and_its_manner(make_line: MakeLine) -> None:
    clone = settings(mode="design", voices=None)
    body = {"task_type": "Base", "model": "m", "response_format": "wav", "seed": 7} | CLONED
    assert clone_body(clone, make_line(), LIKENESS) == body
    assert clone_body(clone, make_line("shout"), LIKENESS) == body | {"instructions": "Speak shouting."}


def test_a_seed_has_31_bits(make_line: MakeLine) -> None:
    assert named_body(settings(send_seed=True), make_line(seed=2**62 + 5), "nova")["seed"] == 5


def test_what_a_server_needs_besides_may_take_the_place_of_the_task(make_line: MakeLine) -> None:
    own = settings(
        mode="clone", voices=None, prompts="p", extra_body={"task_type": "Clone", "x_vector_only_mode": True}
    )
    body = clone_body(own, make_line(), LIKENESS)
    assert (body["task_type"], body["x_vector_only_mode"]) == ("Clone", True)
    assert trial_body(own, LIKENESS)["task_type"] == "Clone"


def test_a_trial_of_each_mode() -> None:
    english = {"languages": {"en": "English"}}
    said = {"input": "Hello.", "response_format": "wav", "language": "English", "model": "m"}
    assert trial_body(settings(**english)) == said | {"voice": "nova"}
    assert trial_body(settings(mode="clone", voices=None, prompts="p", **english), LIKENESS) == (
        said | {"task_type": "Base"} | CLONED
    )
    design = settings(mode="design", voices=None, design_model="d", **english)
    new = {"task_type": "VoiceDesign", "model": "d", "instructions": "A calm young woman.", "seed": 1}
    assert trial_body(design) == said | new
