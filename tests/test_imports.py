"""Rooms import one way: schemas <- prompts <- stages <- pipelines, and stages <- trainer; Beam only in pipelines."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "schemas": {"schemas"},
    "prompts": {"schemas", "prompts"},
    "stages": {"schemas", "prompts", "stages"},
    "pipelines": {"schemas", "prompts", "stages", "pipelines"},
    "trainer": {"schemas", "prompts", "stages", "trainer"},
}
COMMAND_LINE = ROOT / "pipelines" / "command_line.py"
FILES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert all(alias.name != "*" for alias in node.names), f"{path}: wildcard import"
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    lazily = {"trainer"} if path == COMMAND_LINE else set()
    assert imported(path) & MAY_IMPORT.keys() <= MAY_IMPORT[room] | lazily


def test_the_command_line_imports_the_trainer_inside_functions_only() -> None:
    tree = ast.parse(COMMAND_LINE.read_text(encoding="utf-8"))
    names = [getattr(node, "module", None) or node.names[0].name for node in tree.body if hasattr(node, "names")]
    assert not [name for name in names if name.split(".")[0] == "trainer"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_beam_is_imported_in_pipelines_only_and_torch_not_in_schemas(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert "apache_beam" not in imported(path) or room == "pipelines"
    assert "torch" not in imported(path) or room != "schemas"


def test_the_walk_sees_every_room() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(MAY_IMPORT)


def test_no_file_is_named_like_a_catch_all_or_a_library() -> None:
    names = {path.stem for path in FILES}
    assert not names & {"utils", "helpers", "misc", "openai", "whisper", "funasr", "datasets", "librosa"}
