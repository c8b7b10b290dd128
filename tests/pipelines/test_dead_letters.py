"""Each stage's back end breaks in each way: the run finishes, the books close, the letter says what, where and why;
`replay` reproduces it, and `--retry-dead` recovers to the bytes of an undisturbed run."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.books import open_accounts
from pipelines.build import Build
from pipelines.replay import replay
from schemas.errors import FolderError
from stages import score_pitch
from stages.backends.protocols import ScriptVerdict
from stages.plan_dialogues import plan_dialogues
from tests import fakes
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe

PATIENCE_S = 1.5
FAULTED = ("script", "script_judge", "voice", "speech", "singing", "transcription", "quality", "speaker", "codec")

CASES = [
    ("script", "raise", "WriteScripts", "RuntimeError: the fake script breaks"),
    ("script", "hang", "WriteScripts", "TimeoutError: no answer within 1.5 s"),
    ("script", "silence", "WriteScripts", "TypeError: fake gave a NoneType for "),
    ("script", "length", "WriteScripts", "ValueError: fake answered plan "),
    ("script_judge", "raise", "JudgeScripts", "RuntimeError: the fake script_judge breaks"),
    ("script_judge", "hang", "JudgeScripts", "TimeoutError: no answer within 1.5 s"),
    ("script_judge", "nan", "JudgeScripts", "ValueError: the judge gave the score nan, outside 0 to 1"),
    ("script_judge", "silence", "JudgeScripts", "TypeError: the judge gave a NoneType, not a verdict"),
    ("script_judge", "length", "JudgeScripts", "ValueError: the judge gave the score 7.0, outside 0 to 1"),
    ("speech", "raise", "SynthesizeSpeech", "RuntimeError: the fake speech breaks"),
    ("speech", "hang", "SynthesizeSpeech", "TimeoutError: no answer within 1.5 s"),
    ("speech", "nan", "SynthesizeSpeech", "ValueError: the synthesizer gave float64 [36000], not int16 [N]"),
    ("speech", "silence", "SynthesizeSpeech", "ValueError: the synthesizer gave silence (1.50 s)"),
    ("speech", "length", "SynthesizeSpeech", "ValueError: the synthesizer gave 0.00 s for "),
    ("speech", "rate", "SynthesizeSpeech", "ValueError: the synthesizer gave audio at 1 Hz, outside 8000 to"),
    ("transcription", "raise", "Transcribe", "RuntimeError: the fake transcription breaks"),
    ("transcription", "hang", "Transcribe", "TimeoutError: no answer within 1.5 s"),
    ("transcription", "nan", "Transcribe", "ValueError: not a finite number: error_rate"),
    ("transcription", "length", "Transcribe", "ValueError: zip() argument 2 is shorter than argument 1"),
    ("quality", "raise", "ScoreQuality", "RuntimeError: the fake quality breaks"),
    ("quality", "hang", "ScoreQuality", "TimeoutError: no answer within 1.5 s"),
    ("quality", "nan", "ScoreQuality", "ValueError: not a finite number: dnsmos_ovrl"),
    ("quality", "length", "ScoreQuality", "ValueError: zip() argument 2 is shorter than argument 1"),
    ("speaker", "raise", "ScoreSpeaker", "RuntimeError: the fake speaker breaks"),
    ("speaker", "hang", "ScoreSpeaker", "TimeoutError: no answer within 1.5 s"),
    ("speaker", "nan", "ScoreSpeaker", "ValueError: the speaker encoder gave a vector of length nan, not 1"),
    ("speaker", "length", "ScoreSpeaker", "ValueError: zip() argument 2 is shorter than argument 1"),
    ("codec", "raise", "TokenizeAudio", "RuntimeError: the fake codec breaks"),
    ("codec", "hang", "TokenizeAudio", "TimeoutError: no answer within 1.5 s"),
    ("codec", "nan", "TokenizeAudio", "ValueError: codes are float64 (19, 8), not uint16 (19, 8)"),
    ("codec", "length", "TokenizeAudio", "ValueError: codes are uint16 (18, 8), not uint16 (19, 8)"),
    ("codec", "rate", "TokenizeAudio", "ValueError: codes say sample rate, frame rate and cardinality (1, 12.5"),
    ("singing", "raise", "SynthesizeSinging", "RuntimeError: the fake singing breaks"),
    ("singing", "hang", "SynthesizeSinging", "TimeoutError: no answer within 1.5 s"),
    ("singing", "nan", "SynthesizeSinging", "ValueError: the synthesizer gave float64 [81600], not int16 [N]"),
    ("singing", "silence", "SynthesizeSinging", "ValueError: the synthesizer gave silence (3.40 s)"),
    ("singing", "length", "SynthesizeSinging", "ValueError: the singer gave 0.00 s for a score that ends at 3.20 s"),
    ("singing", "rate", "SynthesizeSinging", "ValueError: the synthesizer gave audio at 1 Hz, outside 8000 to"),
]
SUNG = sum(capability == "singing" for capability, *_ in CASES)
SPOKEN = len(CASES) - SUNG
"""Cases that befall a song come last."""


def recipe() -> Any:
    """A dialogue for each case and six conversations more, in chunks of three; hangs are given up soon."""
    kinds = {
        "conversation": {"dialogues": SPOKEN + 6, "user_voices": 40, "assistant_voices": 3},
        "singing": {"dialogues": SUNG, "user_voices": 40, "assistant_voices": 3},
    }
    return fake_recipe(kinds=kinds, chunk_dialogues=3, run={"stage_timeout_s": PATIENCE_S})


def dialogue_of(case: int) -> str:
    kind, number = ("conversation", case) if case < SPOKEN else ("singing", case - SPOKEN)
    return sorted(plan.dialogue_id for plan in plan_dialogues(recipe()) if plan.kind == kind)[number]


def record_of(case: int) -> str:
    """The dialogue, or the answer or song in it, that the case breaks."""
    capability = CASES[case][0]
    turn = "" if capability.startswith("script") else "-t02-a0" if capability == "singing" else "-t01-a0"
    return dialogue_of(case) + turn


SPARE = sorted(plan.dialogue_id for plan in plan_dialogues(recipe()) if plan.kind == "conversation")[SPOKEN]
"""A dialogue that no case breaks."""


def break_fakes(path: Path, **broken: dict[str, str]) -> None:
    """From now on these fakes break: speech={record id: fault}; the others are well."""
    path.write_text(json.dumps({name: {} for name in FAULTED} | broken))


def run(out: Path, **options: Any) -> Any:
    return Build(recipe(), str(out), str(work_of(out)), workers=0, **options).run()


def work_of(out: Path) -> Path:
    return out.with_name(out.name + ".work")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        patch.delenv(fakes.FAULTS, raising=False)  # `broken` may stand already
        run(out)
    return processes.digests(out, work_of(out))


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fake is broken, whatever `broken` does."""
    monkeypatch.delenv(fakes.FAULTS, raising=False)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    """A corpus in which every case has befallen a dialogue of its own: folder and manifest. The fakes stay broken."""
    folder = tmp_path_factory.mktemp("broken")
    faults: dict[str, dict[str, str]] = {name: {} for name in FAULTED}
    for case, (capability, fault, _, _) in enumerate(CASES):
        faults[capability][record_of(case)] = fault
    break_fakes(folder / "faults.json", **faults)
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        patch.setenv(fakes.FAULTS, str(folder / "faults.json"))
        yield folder / "corpus", run(folder / "corpus")


def test_the_books_close_over_broken_back_ends(broken: tuple[Path, Any]) -> None:
    _, manifest = broken
    assert open_accounts(manifest["books"]) == []
    dialogues = [account["dialogues"] for account in manifest["books"].values()]
    assert sum(account["dead"] for account in dialogues) == len(CASES)
    assert sum(account["accepted"] for account in dialogues) == 6


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: "-".join(CASES[case][:2]))
def test_a_letter_names_stage_record_and_cause_and_replay_reproduces_it(case: int, broken: tuple[Path, Any]) -> None:
    out, manifest = broken
    _, _, stage, cause = CASES[case]
    (letter,) = [letter for letter in manifest["dead"] if letter["dialogue_id"] == dialogue_of(case)]
    assert (letter["stage"], letter["record_id"]) == (stage, record_of(case))
    assert letter["cause"].startswith(cause)
    again = replay(str(work_of(out)), record_of(case))
    assert (again.now.stage, again.now.cause, again.same) == (stage, letter["cause"], True)


def test_a_plain_build_leaves_dead_letters_and_retry_dead_recovers_every_byte(
    broken: tuple[Path, Any], undisturbed: dict[str, str]
) -> None:
    out, manifest = broken
    break_fakes(out.with_name("faults.json"))
    assert "it does not fail now: build --retry-dead" in str(replay(str(work_of(out)), record_of(0)))
    assert run(out)["dead"] == manifest["dead"]
    assert run(out, retry_dead=True)["dead"] == []
    assert processes.digests(out, work_of(out)) == undisturbed


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("raise", "RuntimeError: the fake voice breaks"),
        ("hang", "TimeoutError: no answer within 1.5 s"),
        ("nan", "ValueError: voice fake-{}: not a finite number: pitch_hz"),
    ],
)
def test_a_voice_that_cannot_be_designed_kills_the_dialogues_of_its_character(
    fault: str, cause: str, undisturbed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "corpus"
    plans = plan_dialogues(recipe())
    speaker = next(plan for plan in plans if plan.dialogue_id == SPARE).user.character_id
    break_fakes(tmp_path / "faults.json", voice={speaker: fault})
    monkeypatch.setenv(fakes.FAULTS, str(tmp_path / "faults.json"))
    dead = run(out)["dead"]
    theirs = sorted(plan.dialogue_id for plan in plans if speaker == plan.user.character_id)
    assert sorted(letter["record_id"] for letter in dead) == theirs
    assert {(letter["stage"], letter["cause"]) for letter in dead} == {("CastVoices", cause.format(speaker))}
    assert replay(str(work_of(out)), SPARE).same
    break_fakes(tmp_path / "faults.json")
    assert run(out, retry_dead=True)["dead"] == []
    assert processes.digests(out, work_of(out)) == undisturbed


def no_pitch(f0_hz: Any) -> Any:
    raise ArithmeticError("no pitch")


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("breaks", "cause"),
    [
        (no_pitch, "ArithmeticError: no pitch"),
        (lambda f0_hz: time.sleep(3600), "TimeoutError: no answer within 1.5 s"),
        (lambda f0_hz: f0_hz + math.inf, "ValueError: not a finite number: f0_mean_hz, f0_range_st"),
    ],
    ids=["raise", "hang", "inf"],
)
def test_praat_breaking_on_one_take_costs_that_take(
    breaks: Any, cause: str, undisturbed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_id = f"{SPARE}-t01-a0"
    track_f0 = score_pitch.track_f0

    def track(samples: Any) -> Any:
        mine = (samples[: fakes.MARK_SAMPLES] == fakes.mark(take_id)).all()
        return breaks(track_f0(samples)) if mine else track_f0(samples)

    out = tmp_path / "corpus"
    with monkeypatch.context() as patch:
        patch.setattr(score_pitch, "track_f0", track)
        letter = {"stage": "ScorePitch", "dialogue_id": SPARE, "record_id": take_id, "attempt": 0, "cause": cause}
        assert run(out)["dead"] == [letter]
        assert replay(str(work_of(out)), take_id).same
    assert run(out, retry_dead=True)["dead"] == []
    assert processes.digests(out, work_of(out)) == undisturbed


@pytest.mark.usefixtures("well")
def test_a_refused_build_does_not_change_what_replay_does(tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    run(out)
    other = recipe().model_copy(update={"seed": 99})
    with pytest.raises(FolderError, match=r"seed \(5 -> 99\)"):
        Build(other, str(out), str(work_of(out)), workers=0).run()
    again = replay(str(work_of(out)), SPARE)
    assert (again.same, again.changed) == (True, ())


@pytest.mark.usefixtures("well")
def test_replay_says_what_has_changed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "corpus"
    run(out)
    monkeypatch.setattr(fakes.CountingCodec, "fingerprint", "fake-2")
    again = replay(str(work_of(out)), f"{SPARE}-t01-a0")
    assert again.changed == ("back end: codec",)
    assert "changed since the build: back end: codec" in str(again)


@pytest.mark.usefixtures("well")
def test_replay_of_a_rejected_script_compares_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "corpus"
    with monkeypatch.context() as patch:
        patch.setattr(
            fakes.FakeJudge, "judge", lambda self, scripts: [ScriptVerdict("judge: dull", 0.1)] * len(scripts)
        )
        run(out)
        again = replay(str(work_of(out)), SPARE)
        assert again.same
        assert "in the build: rejected: judge: dull" in str(again)
    assert "it differs in: status, reason, score" in str(replay(str(work_of(out)), SPARE))
    with pytest.raises(FolderError, match="its dialogue is rejected: judge: dull"):
        replay(str(work_of(out)), f"{SPARE}-t01-a0")


def test_replay_of_what_went_well_is_the_same_and_names_what_it_cannot_find(
    broken: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = str(work_of(broken[0]))
    for record in (SPARE, f"{SPARE}-t01-a0"):
        assert "the same to the last bit" in str(replay(work, record))
    with pytest.raises(FolderError, match=r"no record 'conversation-en-train-000099' here"):
        replay(work, "conversation-en-train-000099")
    with pytest.raises(FolderError, match="an attempt before it passed"):
        replay(work, f"{SPARE}-t01-a1")
    with pytest.raises(FolderError, match="its dialogue has 2 turns, counted from 0"):
        replay(work, f"{SPARE}-t07-a0")
    with pytest.raises(FolderError, match=r"not a work folder of ours"):
        replay(str(broken[0]), SPARE)
