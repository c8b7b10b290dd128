"""The three graphs in turn on fake back ends: books, splits, resume, digests, dead letters, recuts."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.files import read_sealed
from pipelines.manifests import Manifest
from pipelines.remarks import remarks, shortfalls
from pipelines.verify import verify
from pipelines.work_folder import only_builder
from schemas.errors import FolderError, MissingExtraError, RecipeError
from stages.backends import registry
from stages.plan_dialogues import plan_dialogues
from tests import fakes
from tests.fakes import CountingCodec, ExactEars, FakeWriter, ToneSpeech
from tests.pipelines import processes
from tests.pipelines.conftest import NO_LIMITS, fake_recipe, fake_recipe_data

BuildCorpus = Callable[..., Any]


def table(tmp_path: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted((tmp_path / "corpus" / name).glob("*.arrow")):
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            rows += reader.read_all().to_pylist()
    return rows


def digests(folder: Path) -> dict[str, str]:
    """Identity of every arrow and script chunk below a folder."""
    found = [*folder.rglob("*.arrow"), *folder.rglob("*.jsonl")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def stamps(folder: Path, pattern: str) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_mtime_ns, p.stat().st_ino) for p in folder.glob(pattern)}


def test_books_of_a_faultless_corpus(build: BuildCorpus, tmp_path: Path) -> None:
    manifest = build()
    for language in ("en", "zh"):
        assert manifest["books"][f"conversation {language}"] == {
            "dialogues": {"planned": 6, "accepted": 6, "rejected": 0, "dead": 0, "not attempted": 0},
            "turns": {"written": 12, "accepted": 12, "rejected": 0, "dead": 0},
            "takes": {"performed": 12, "accepted": 12, "rejected": 0, "dead": 0},
            "seconds": {"performed": 18.0, "accepted": 18.0, "rejected": 0.0},
        }
    assert shortfalls(manifest) == []
    assert verify(str(tmp_path / "corpus")) == []


def test_a_dialogue_row_holds_both_sides(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    row = next(row for row in table(tmp_path, "dialogues") if row["dialogue_id"] == "conversation-en-train-000000")
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
    assert [turn["utterance_id"] for turn in row["turns"]] == [f"{row['dialogue_id']}-t00", f"{row['dialogue_id']}-t01"]
    assert [turn["start_s"] for turn in row["turns"]] == [0.0, 1.8]
    assert row["duration_s"] == 3.3
    assert row["turns"][1]["codes"][0] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert row["characters"]["user"]["voice_id"] == f"fake-{row['characters']['user']['character_id']}"


def test_a_turn_of_a_dialogue_has_the_phones_and_score_of_its_utterance(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    utterances = {row["utterance_id"]: row for row in table(tmp_path, "utterances")}
    turns = [turn for row in table(tmp_path, "dialogues") for turn in row["turns"]]
    assert turns
    for turn in turns:
        own = utterances[turn["utterance_id"]]
        for column in ("phones", "score", "spoken", "codes"):
            assert turn[column] == own[column]


def test_splits_share_no_scene_with_voice_and_no_user(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    rows = table(tmp_path, "dialogues")
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    for key in (
        lambda row: (row["scene"], row["characters"]["assistant"]["character_id"]),
        lambda row: row["characters"]["user"]["character_id"],
    ):
        owners: dict[Any, set[str]] = {}
        for row in rows:
            owners.setdefault(key(row), set()).add(row["split"])
        assert all(len(splits) == 1 for splits in owners.values())


def test_a_finished_build_does_nothing_again(build: BuildCorpus, tmp_path: Path) -> None:
    first = build()
    before = stamps(tmp_path / "corpus.work", "*.arrow") | stamps(tmp_path / "corpus" / "utterances", "*")
    assert build() == first
    assert stamps(tmp_path / "corpus.work", "*.arrow") | stamps(tmp_path / "corpus" / "utterances", "*") == before


def test_a_damaged_manifest_does_not_trouble_the_bar_of_a_build_in_processes(tmp_path: Path) -> None:
    recipe = processes.write_recipe(tmp_path / "recipe.toml", fake_recipe_data())
    arguments = ["build", str(recipe), "--out", str(tmp_path / "corpus"), "--workers", "1"]
    assert processes.finish(processes.command(arguments))[0] == 0
    (tmp_path / "corpus.work" / "chunk-00001.json").write_text("{")
    code, _, err = processes.finish(processes.command(arguments))
    assert code == 0, err


@pytest.mark.parametrize("damage", ["delete", "truncate", "manifest"])
def test_a_missing_or_cut_chunk_is_done_again_and_only_it(build: BuildCorpus, tmp_path: Path, damage: str) -> None:
    build()
    work = tmp_path / "corpus.work"
    whole, before = digests(tmp_path), stamps(work, "chunk-*.arrow")
    chunk = work / "chunk-00001.arrow"
    if damage == "delete":
        chunk.unlink()
    elif damage == "truncate":
        chunk.write_bytes(chunk.read_bytes()[:-100])
    else:
        (work / "chunk-00001.json").write_text("{")
    build()
    assert digests(tmp_path) == whole
    after = stamps(work, "chunk-*.arrow")
    assert {name for name in before if before[name] != after[name]} == {"chunk-00001.arrow"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 6}, "recipe: seed (5 -> 6)"),
        ({"chunk_dialogues": 3}, "recipe: chunk_dialogues (4 -> 3)"),
        ({"perform": {"limits": NO_LIMITS, "attempts": 3}}, "recipe: perform.attempts (2 -> 3)"),
    ],
)
def test_an_edited_recipe_is_named_and_refused(build: BuildCorpus, changes: dict[str, Any], named: str) -> None:
    build()
    with pytest.raises(FolderError) as error:
        build(fake_recipe(**changes))
    assert named in str(error.value)
    assert "--restart" in str(error.value)


def test_other_weights_are_named_and_refused_until_restart(build: BuildCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    monkeypatch.setattr(CountingCodec, "fingerprint", "fake-2")
    with pytest.raises(FolderError, match="back end: codec"):
        build()
    assert build(restart="perform")["codec"]["revision"] == "fake-2"


def test_new_selection_limits_cut_again_without_synthesis(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    before = stamps(tmp_path / "corpus.work", "chunk-*")
    strict = {"limits": [{"measure": "dnsmos_ovrl", "minimum": 4.5}], "max_rejected_share": 0.5}
    manifest = build(fake_recipe(select=strict))
    assert stamps(tmp_path / "corpus.work", "chunk-*") == before
    assert manifest["books"]["conversation en"]["dialogues"]["rejected"] == 6
    assert not list((tmp_path / "corpus" / "dialogues").glob("*.arrow"))
    reasons = {row["reason"] for row in table(tmp_path, "rejects")}
    assert reasons == {"dnsmos_ovrl=4 (limit 4.5)"}
    assert any("100.0% of the dialogues were rejected" in sentence for sentence in shortfalls(manifest))


def test_a_take_that_misses_is_performed_again_with_another_seed(build: BuildCorpus, tmp_path: Path) -> None:
    retry = {"limits": [*NO_LIMITS[1:], {"measure": "dnsmos_ovrl", "minimum": 4.5}], "attempts": 2}
    loose = {"limits": NO_LIMITS}
    manifest = build(fake_recipe(perform=retry, select=loose))
    assert manifest["books"]["conversation en"]["takes"] == {"performed": 24, "accepted": 12, "rejected": 12, "dead": 0}
    kept, dropped = table(tmp_path, "utterances"), table(tmp_path, "rejects")
    assert {tuple(row["heard_tags"]) for row in [*kept, *dropped]} == {("HAPPY",)}
    assert {row["attempt"] for row in kept} == {0}
    assert {(row["attempt"], row["rejected_by"]) for row in dropped} == {(1, "attempt")}
    audio = {row["take_id"]: row["audio"]["bytes"] for row in kept + dropped}
    take = kept[0]["take_id"]
    assert audio[take] != audio[take.replace("-a0", "-a1")]


def test_a_failing_record_becomes_a_dead_letter_and_nothing_else_suffers(
    build: BuildCorpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = build()
    victim = "conversation-en-train-000001-t01-a0"
    real = ToneSpeech._tone

    def tone(self: ToneSpeech, line: Any) -> Any:
        if line.take_id == victim:
            raise RuntimeError("the voice broke")
        return real(self, line)

    monkeypatch.setattr(ToneSpeech, "_tone", tone)
    manifest = build(restart="perform")
    assert manifest["dead"] == [
        {
            "stage": "SynthesizeSpeech",
            "dialogue_id": "conversation-en-train-000001",
            "record_id": victim,
            "attempt": 0,
            "cause": "RuntimeError: the voice broke",
        }
    ]
    books = manifest["books"]["conversation en"]
    assert books["dialogues"] == {"planned": 6, "accepted": 5, "rejected": 0, "dead": 1, "not attempted": 0}
    assert books["takes"] == {"performed": 12, "accepted": 10, "rejected": 1, "dead": 1}
    assert whole["books"]["conversation zh"] == manifest["books"]["conversation zh"]
    assert [row["rejected_by"] for row in table(tmp_path, "rejects")] == ["dead letter"]
    assert shortfalls(manifest) == []
    (remark,) = remarks(manifest, "corpus.work")
    assert remark.startswith("1 dead letter; the first: ")
    assert f"SynthesizeSpeech on {victim}: RuntimeError: the voice broke" in remark


def test_a_measure_that_is_not_a_number_is_a_dead_letter(build: BuildCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ExactEars.transcribe

    def transcribe(self: ExactEars, *asked: Any) -> Any:
        return [replace(hearing, gap=float("nan")) for hearing in real(self, *asked)]

    monkeypatch.setattr(ExactEars, "transcribe", transcribe)
    manifest = build()
    assert {letter["cause"] for letter in manifest["dead"]} == {"ValueError: not a finite number: gap"}
    assert manifest["books"]["conversation en"]["dialogues"]["dead"] == 6


def test_near_duplicates_and_unfit_scripts_are_rejected_with_their_reason(
    build: BuildCorpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = FakeWriter._script

    def script(self: FakeWriter, plan: Any) -> Any:
        if plan.dialogue_id == "conversation-en-train-000001":
            twin = real(self, plan.model_copy(update={"seed": twin_seed}))
            return twin.model_copy(update={"plan": plan})
        if plan.dialogue_id == "conversation-zh-train-000001":
            written = real(self, plan)
            turn = written.turns[1].model_copy(update={"text": "这是wifi吗"})
            return written.model_copy(update={"turns": (written.turns[0], turn)})
        return real(self, plan)

    plans = {plan.dialogue_id: plan for plan in plan_dialogues(fake_recipe())}
    twin_seed = plans["conversation-en-train-000000"].seed
    monkeypatch.setattr(FakeWriter, "_script", script)
    manifest = build()
    rejects = table(tmp_path, "rejects")
    reasons = {(row["dialogue_id"], row["rejected_by"], row["reason"]) for row in rejects}
    assert (
        "conversation-en-train-000001",
        "near-duplicate",
        "near-duplicate of conversation-en-train-000000",
    ) in reasons
    (judged,) = [r for r in reasons if r[1] == "JudgeScripts"]
    assert judged[0] == "conversation-zh-train-000001"
    assert "wifi" in judged[2]
    assert all(row["audio"] is None or row["audio"]["bytes"] is None for row in rejects)
    assert manifest["books"]["conversation en"]["dialogues"]["rejected"] == 1
    assert manifest["books"]["conversation en"]["turns"] == {"written": 12, "accepted": 10, "rejected": 2, "dead": 0}
    assert verify(str(tmp_path / "corpus")) == []


def test_a_second_builder_is_refused(build: BuildCorpus, tmp_path: Path) -> None:
    work = tmp_path / "corpus.work"
    work.mkdir()
    with only_builder(str(work)), pytest.raises(FolderError, match="another build"):
        build()


def test_a_foreign_output_folder_is_left_alone(build: BuildCorpus, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "thesis.txt").write_text("mine")
    with pytest.raises(FolderError, match="not a corpus of ours"):
        build()
    assert os.listdir(tmp_path / "corpus") == ["thesis.txt"]


def test_a_corpus_of_another_name_is_left_alone(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    with pytest.raises(FolderError, match="holds the corpus 'fake', not 'other'"):
        build(fake_recipe(name="other"), work=str(tmp_path / "other.work"))


def test_a_foreign_work_folder_is_left_alone(build: BuildCorpus, tmp_path: Path) -> None:
    (tmp_path / "home" / "shards").mkdir(parents=True)
    (tmp_path / "home" / "scripts-mine.txt").write_text("mine")
    with pytest.raises(FolderError, match="not a work folder of ours"):
        build(work=str(tmp_path / "home"), restart="write")
    assert (tmp_path / "home" / "scripts-mine.txt").exists()


def test_two_builds_into_one_corpus_are_refused_whatever_their_work_folders(build: BuildCorpus, tmp_path: Path) -> None:
    build()
    with only_builder(str(tmp_path / "corpus")), pytest.raises(FolderError, match="another build"):
        build(work=str(tmp_path / "other.work"))


def test_a_damaged_manifest_of_ours_is_written_anew(build: BuildCorpus, tmp_path: Path) -> None:
    whole = build()
    (tmp_path / "corpus" / "manifest.json").write_text("{")
    assert build() == whole


def test_an_unknown_setting_lists_the_known(build: BuildCorpus) -> None:
    speech = {"name": "fake", "settings": {"volume": 1}}
    with pytest.raises(RecipeError, match="'fake' has no setting 'volume'; it has: seconds_per_line"):
        build(fake_recipe(backends=fakes.BACKENDS | {"speech": speech}))


def test_a_limit_on_what_nothing_measures_stops_the_run(build: BuildCorpus) -> None:
    limits = [*NO_LIMITS, {"measure": "f0_audit_cents", "maximum": 1.0}, {"measure": "snr_db", "minimum": -99.0}]
    assert build(fake_recipe(perform={"limits": limits, "pitch_audit_share": 0.0}))["complete"]
    with pytest.raises(RecipeError, match="'error_rate' has a maximum"):
        _without_error_rate(build)


def _without_error_rate(build: BuildCorpus) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stages.transcribe.Transcribe.process", lambda self, takes: list(takes))
        limits = [*NO_LIMITS, {"measure": "error_rate", "maximum": 1.0}]
        build(fake_recipe(perform={"limits": limits}), restart="perform")


def test_a_missing_package_names_the_extra(build: BuildCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BACKENDS, ("codec", "fake"), "no_such_package.module:Class")
    monkeypatch.setitem(registry.EXTRAS, ("codec", "fake"), ("codecs", ("no_such_package",)))
    with pytest.raises(MissingExtraError, match=r"pip install 'troupe\[codecs\]'"):
        build()


def test_an_unknown_back_end_lists_the_known(build: BuildCorpus) -> None:
    with pytest.raises(RecipeError, match="there is no back end 'parrot'"):
        build(fake_recipe(backends={"speech": "parrot", "transcription": "fake", "speaker": "fake"}))


def test_manifest_is_written_last_and_says_what_lies_there(build: BuildCorpus, tmp_path: Path) -> None:
    manifest: Manifest = build()
    on_disk = read_sealed(str(tmp_path / "corpus" / "manifest.json"))
    assert on_disk == manifest
    files = {str(p.relative_to(tmp_path / "corpus")) for p in (tmp_path / "corpus").rglob("*.arrow")}
    assert {shard["file"] for shard in manifest["shards"]} == files
    assert not list((tmp_path / "corpus").rglob("*.tmp"))
