"""What `verify` finds in a corpus and in a work folder, beyond damaged bytes (see test_damage.py)."""

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines import files
from pipelines.card import write_card
from pipelines.verify import verify
from schemas.columns import LATER_MEASURES, earlier_features
from schemas.errors import FolderError
from tests import fakes
from tests.pipelines.conftest import build_into, fake_recipe


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of role-play."""
    folder = tmp_path_factory.mktemp("played")
    recipe = fake_recipe(
        kinds={"roleplay": {"dialogues": 6, "languages": {"en": 1}, "user_voices": 4, "assistant_voices": 4}},
        splits={"train": 0.5, "test": 0.5},
    )
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        build_into(folder, recipe)
    return folder


def rows_of(shard: Path) -> list[dict[str, Any]]:
    with pa.ipc.open_stream(shard.read_bytes()) as reader:
        rows: list[dict[str, Any]] = reader.read_all().to_pylist()
    return rows


def rewrite(path: Path, manifest: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the rows of an Arrow file, and make its digest in a manifest or receipt agree."""
    with pa.ipc.open_stream(path.read_bytes()) as reader:
        table = reader.read_all()
    rows = table.to_pylist()
    change(rows)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=table.schema))
    path.write_bytes(sink.getvalue())
    noted = files.read_sealed(str(manifest))
    for entry in noted.get("shards", [noted]):
        if entry["file"] in (path.name, f"{path.parent.name}/{path.name}"):
            entry.update(bytes=len(sink.getvalue()), sha256=files.sha256(sink.getvalue()))
    files.write_sealed(str(manifest), noted)
    if "shards" in noted:
        write_card(str(manifest.parent), noted)


def cut_audio(rows: list[dict[str, Any]]) -> None:
    rows[1]["audio"]["bytes"] = rows[1]["audio"]["bytes"][:40]


def lengthen(rows: list[dict[str, Any]]) -> None:
    rows[1]["duration_s"] = 9.0


def wrong_code(rows: list[dict[str, Any]]) -> None:
    rows[1]["codes"][0][0] = 5_000


def drop_row(rows: list[dict[str, Any]]) -> None:
    del rows[1]


def stretch_vector(rows: list[dict[str, Any]]) -> None:
    rows[1]["character"]["speaker_vector"] = [0.6] * 4


def spoil_vector(rows: list[dict[str, Any]]) -> None:
    rows[1]["character"]["speaker_vector"][2] = float("nan")


def lose_vector(rows: list[dict[str, Any]]) -> None:
    rows[1]["character"]["speaker_vector"] = []


def put_assistant_into_a_room(rows: list[dict[str, Any]]) -> None:
    rows[1]["role"] = "assistant"
    rows[1]["surroundings"] = {"rt60_s": 0.2, "wet_db": -12.0, "snr_db": 15.0, "noise": "pink"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut_audio, ["row 1: conversation-", "audio does not open"]),
        (lengthen, ["row 1: conversation-", "audio lasts 1.500 s at 24000 Hz, its row says 9.0"]),
        (wrong_code, ["row 1: a code is 5000, not below 1024"]),
        (stretch_vector, ["row 1: the speaker vector of en-", "has length 1.2, not 1"]),
        (spoil_vector, ["row 1: the speaker vector of en-", "has length nan, not 1"]),
        (lose_vector, ["row 1: the speaker vector of en-", "has length 0, not 1"]),
        (put_assistant_into_a_room, ["row 1: conversation-", "has surroundings, which only users have"]),
    ],
)
@pytest.mark.parametrize("where", ["corpus", "work"])
def test_a_row_that_does_not_hold_what_it_says_is_named(
    copy: Path, where: str, change: Callable[[list[dict[str, Any]]], None], words: list[str]
) -> None:
    if where == "corpus":
        shard = copy / "corpus" / "utterances" / "train-00000-of-00001.arrow"
        rewrite(shard, copy / "corpus" / "manifest.json", change)
        found = verify(str(copy / "corpus"))
    else:
        chunk = copy / "corpus.work" / "chunk-00001.arrow"
        rewrite_chunk(chunk, change)
        found = verify(str(copy / "corpus.work"))
    name = "utterances/train-00000-of-00001.arrow" if where == "corpus" else "chunk-00001.arrow"
    assert found
    assert all(name in fault for fault in found)
    assert all(any(word in fault for fault in found) for word in words), found


def rewrite_chunk(chunk: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    rewrite(chunk, chunk.with_suffix(".json"), change)


def test_rows_that_are_not_those_of_the_manifest_are_named(copy: Path) -> None:
    chunk = copy / "corpus.work" / "chunk-00001.arrow"
    rewrite_chunk(chunk, drop_row)
    assert verify(str(copy / "corpus.work")) == [
        f"{chunk}: its 3 rows are not those that its manifest lists: build --restart perform"
    ]


def test_a_missing_row_of_the_corpus_is_named(copy: Path) -> None:
    shard = copy / "corpus" / "utterances" / "train-00000-of-00001.arrow"
    rewrite(shard, copy / "corpus" / "manifest.json", drop_row)
    (fault,) = verify(str(copy / "corpus"))
    assert fault.startswith("utterances/train-00000-of-00001.arrow: ")
    assert "rows, the manifest says" in fault


def test_books_that_disagree_with_the_shards_are_named(copy: Path) -> None:
    path = str(copy / "corpus" / "manifest.json")
    manifest = files.read_sealed(path)
    manifest["books"]["conversation en"]["turns"].update(written=8, accepted=8)
    files.write_sealed(path, manifest)
    assert verify(str(copy / "corpus")) == [
        "the shards hold 6 accepted turns of conversation en, the books say 8",
    ]
    manifest["books"]["conversation en"]["turns"].update(written=9)
    files.write_sealed(path, manifest)
    assert verify(str(copy / "corpus"))[0].startswith("manifest.json: the books do not close: conversation en, turns")


def leak(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> list[str]:
    """What `verify` says after `change` was given the first dialogue of train and the first of test."""
    train, test = (folder / "corpus" / "dialogues" / f"{split}-00000-of-00001.arrow" for split in ("train", "test"))
    rewrite(train, folder / "corpus" / "manifest.json", lambda rows: change(rows[0], rows_of(test)[0]))
    return verify(str(folder / "corpus"))


def test_a_scene_with_its_assistant_is_in_one_split_of_conversation(copy: Path) -> None:
    def share(row: dict[str, Any], other: dict[str, Any]) -> None:
        row["characters"]["assistant"] = other["characters"]["assistant"]

    assert leak(copy, share) == []  # in another scene
    other = rows_of(copy / "corpus" / "dialogues" / "test-00000-of-00001.arrow")[0]
    pair = f"{other['scene']} with {other['characters']['assistant']['character_id']}"
    found = leak(copy, lambda row, other: row.update(scene=other["scene"]))
    assert found == [f"splits are not disjoint: {pair} is in test and train"]


def test_a_character_is_in_one_split_of_role_play(played: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(played, tmp_path / "copy"))
    assert leak(folder, lambda row, other: row.update(scene=other["scene"])) == []
    character = rows_of(folder / "corpus" / "dialogues" / "test-00000-of-00001.arrow")[0]["characters"]["assistant"]

    def share(row: dict[str, Any], other: dict[str, Any]) -> None:
        row["scene"] = "elsewhere"
        row["characters"]["assistant"] = other["characters"]["assistant"]

    assert leak(folder, share) == [f"splits are not disjoint: {character['character_id']} is in test and train"]


@pytest.mark.parametrize("corpus", ["whole", "played"])
def test_a_user_is_in_one_split(corpus: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(request.getfixturevalue(corpus), tmp_path / "copy"))
    user = rows_of(folder / "corpus" / "dialogues" / "test-00000-of-00001.arrow")[0]["characters"]["user"]
    found = leak(folder, lambda row, other: row["characters"].update(user=other["characters"]["user"]))
    assert found == [f"splits are not disjoint: {user['character_id']} is in test and train"]


def test_speaker_vectors_of_another_width_are_named(copy: Path) -> None:
    def narrow(row: dict[str, Any], other: dict[str, Any]) -> None:
        row["characters"]["user"]["speaker_vector"] = [0.6, 0.8]

    assert leak(copy, narrow) == ["speaker vectors have widths 2, 4"]


def test_codes_that_its_audio_does_not_get_are_named(copy: Path) -> None:
    def turn_round(rows: list[dict[str, Any]]) -> None:
        rows[0]["codes"] = [frame[::-1] for frame in rows[0]["codes"]]

    shard = copy / "corpus" / "utterances" / "train-00000-of-00001.arrow"
    rewrite(shard, copy / "corpus" / "manifest.json", turn_round)
    (fault,) = verify(str(copy / "corpus"))
    assert fault.endswith("0% of its codes are those that its audio gets: they are another's")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("audio", {"bytes": b"RIFF", "path": None}, "audio does not open"),
        ("codes", [[5000] * 8] * 25, "codes have shape"),
    ],
)
def test_a_row_to_be_decoded_that_cannot_be_is_named(copy: Path, column: str, value: Any, words: str) -> None:
    shard = copy / "corpus" / "utterances" / "train-00000-of-00001.arrow"
    rewrite(shard, copy / "corpus" / "manifest.json", lambda rows: rows[0].update({column: value}))
    (fault,) = verify(str(copy / "corpus"))
    assert words in fault


def test_what_was_measured_is_told(copy: Path) -> None:
    told: list[str] = []
    assert verify(str(copy / "corpus"), tell=told.append) == []
    (words,) = told
    assert re.fullmatch(r"\d+ utterances decoded: their mel bands are \d+\.\d dB off .*", words)


def test_a_stranger_among_the_shards_is_named(copy: Path) -> None:
    stranger = copy / "corpus" / "dialogues" / "extra-00000-of-00001.arrow"
    stranger.write_bytes(b"")
    (fault,) = verify(str(copy / "corpus"))
    assert fault.startswith(f"{stranger}: not in the manifest")


def test_the_words_of_the_card_are_their_editors_but_not_its_tables(copy: Path) -> None:
    card = copy / "corpus" / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("cc0-1.0", "mit") + "\nThanks to all.\n", encoding="utf-8")
    assert verify(str(copy / "corpus")) == []
    card.write_text(text.replace("path: dialogues/train", "path: dialogues/trein"), encoding="utf-8")
    (fault,) = verify(str(copy / "corpus"))
    assert "README.md: damaged: 'configs' in its head is not what the manifest says; build again" in fault


def test_a_corpus_without_the_later_columns_is_sound(copy: Path) -> None:
    corpus = copy / "corpus"
    manifest = files.read_sealed(str(corpus / "manifest.json"))
    for entry in manifest["shards"]:
        table = entry["file"].split("/")[0]
        schema = earlier_features(table, manifest["codec"]["num_codebooks"]).arrow_schema
        rows = pa.Table.from_pylist(rows_of(corpus / entry["file"]), schema=schema)
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(rows)
        (corpus / entry["file"]).write_bytes(sink.getvalue())
        entry.update(bytes=len(sink.getvalue()), sha256=files.sha256(sink.getvalue()))
    files.write_sealed(str(corpus / "manifest.json"), manifest)
    write_card(str(corpus), manifest)
    assert verify(str(corpus)) == []
    card = corpus / "README.md"
    head = card.read_text(encoding="utf-8")
    earlier = re.sub(r" *- name: heard_tags\n +list: string\n", "", head)
    for measure in LATER_MEASURES:
        earlier = re.sub(rf" *- name: {measure}\n +dtype: float64\n", "", earlier)
    assert head.count("\n") - earlier.count("\n") >= 12
    card.write_text(earlier, encoding="utf-8")
    assert verify(str(corpus)) == []


def test_other_folders_are_refused_in_words(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"there is no manifest\.json here"):
        verify(str(tmp_path))
    path = str(copy / "corpus" / "manifest.json")
    files.write_sealed(path, files.read_sealed(path) | {"complete": False})
    with pytest.raises(FolderError, match="this build has not finished"):
        verify(str(copy / "corpus"))


def test_an_unfinished_work_folder_is_sound(copy: Path) -> None:
    for path in copy.glob("corpus.work/chunk-00002.*"):
        path.unlink()
    assert verify(str(copy / "corpus.work")) == []


def test_work_rows_are_counted(copy: Path) -> None:
    rows: list[int] = []
    assert verify(str(copy / "corpus.work"), rows.append) == []
    assert sum(rows) == 12
