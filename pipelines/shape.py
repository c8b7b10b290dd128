"""What shapes the bytes of a work folder, component by component, so that a change can be named.

Two phases, `write` and `perform`, each a flat dict of component -> digest or value: the recipe's sections, what back
ends say of their weights and data, the code that runs (comments and docstrings apart) and the versions of the
packages it runs on. Selection limits and sharding are in neither.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import distributions, packages_distributions, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pipelines.stage_table import STAGES, backend_of
from schemas.recipe import Recipe
from stages.backends.registry import BACKENDS

Phase = Literal["write", "perform"]
Shape = dict[str, str]

ROOMS = ("schemas", "prompts", "stages", "pipelines")
STEPS: dict[Phase, tuple[str, ...]] = {
    "write": ("WriteScripts", "JudgeScripts"),
    "perform": (
        "CastVoices",
        "SynthesizeSpeech",
        "SynthesizeSinging",
        "Transcribe",
        "ScorePitch",
        "ScoreSinging",
        "ScoreQuality",
        "ScoreSpeaker",
        "AddSurroundings",
        "TokenizeAudio",
    ),
}
GRAPHS: dict[Phase, tuple[str, ...]] = {
    "write": ("stages.plan_dialogues", "pipelines.write", "pipelines.script_chunks"),
    "perform": ("pipelines.perform", "pipelines.take_chunks"),
}
BEYOND = {
    "pipelines.answers",
    "pipelines.files",
    "pipelines.manifests",
    "pipelines.patience",
    "pipelines.stage_table",
    "pipelines.trouble",
    "stages.backends.registry",
}
"""Modules that find and move bytes without shaping them."""


def shape_of(phase: Phase, recipe: Recipe) -> Shape:
    """The components of a phase. Opens nothing."""
    capabilities = sorted({capability for step in STEPS[phase] if (capability := STAGES[step][1]) is not None})
    shape = {f"recipe: {key}": _compact(value) for key, value in _sections(phase, recipe).items()}
    for capability in capabilities:
        choice = getattr(recipe.backends, capability)
        shape[f"recipe: backends.{capability}"] = _compact(choice.model_dump(exclude={"service"}))
        shape[f"back end: {capability}"] = backend_of(capability, recipe).fingerprint
    modules = [*GRAPHS[phase], *(STAGES[step][0] for step in STEPS[phase])]
    modules += [BACKENDS[c, name].split(":")[0] for c in capabilities for name in getattr(recipe.backends, c).engines()]
    if phase == "perform":
        profile = files("schemas").joinpath("limits", f"{recipe.perform.profile}.toml")
        shape[f"limits: {recipe.perform.profile}"] = hashlib.sha256(profile.read_bytes()).hexdigest()[:16]
    return shape | _code(modules)


def assembly_shape() -> Shape:
    """What shapes the shards besides the chunks: the code that makes rows, and what it runs on."""
    return _code(["pipelines.assemble"])


def shape_digest(*parts: Shape | str) -> str:
    """One digest of shapes and texts."""
    return hashlib.sha256(_compact(parts).encode()).hexdigest()[:16]


def _code(modules: Iterable[str]) -> Shape:
    code = _closure(modules)
    packages = package_versions(code.values())
    return {f"code: {name}": code_digest(path) for name, path in code.items()} | {
        f"package: {name}": number for name, number in packages.items()
    }


def changes(old: Shape, new: Shape) -> list[str]:
    """The components that differ, named, with their values where those are short enough to read."""
    named = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, "absent"), new.get(key, "absent")
        if before != after:
            readable = key.startswith(("recipe:", "package:")) and len(before) + len(after) < 120
            named.append(f"{key} ({before} -> {after})" if readable else key)
    return named


def package_versions(paths: Iterable[Path]) -> dict[str, str]:
    """Installed versions of the packages that the files import."""
    owners = _owners()
    imported = {name.split(".")[0] for path in paths for name in _imports(path)}.difference(ROOMS)
    return {owner: version(owner) for owner in sorted({o for name in imported for o in owners.get(name, [])})}


@cache
def _owners() -> Mapping[str, list[str]]:
    """Import name -> distributions; reading it off the installation takes a second."""
    owners = dict(packages_distributions())
    for distribution in distributions():  # Python 3.11's own map leaves out packages that are a single binary module
        for file in distribution.files or ():
            if len(file.parts) == 1 and file.suffix == ".so":
                owners.setdefault(file.name.split(".")[0], [distribution.name])
    return owners


def code_digest(path: Path) -> str:
    """Digest of a module's syntax tree without its docstrings: comments and layout do not count."""
    return _code_digest(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _code_digest(path: Path, changed_ns: int) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [s for s in node.body if not _is_text(s)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def _is_text(statement: ast.stmt) -> bool:
    """A bare string: a docstring of a module, class, function or constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _sections(phase: Phase, recipe: Recipe) -> dict[str, object]:
    data = recipe.model_dump()
    if phase == "perform":
        return {f"perform.{key}": value for key, value in data["perform"].items()} | {"seed": data["seed"]}
    return {key: data[key] for key in ("seed", "chunk_dialogues", "splits")} | {
        f"kinds.{kind}": plan for kind, plan in data["kinds"].items()
    }


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    """The modules and all of our own that they import, however deep, with their files."""
    found: dict[str, Path] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name in found or name in BEYOND:
            continue
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        found[name] = Path(spec.origin)
        todo += _own_imports(found[name])
    return dict(sorted(found.items()))


def _own_imports(path: Path) -> list[str]:
    return [name for name in _imports(path) if name.split(".")[0] in ROOMS and _is_module(name)]


def _imports(path: Path) -> list[str]:
    """Every dotted name that a file imports, at its top or in its functions."""
    return _imports_of(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _imports_of(path: Path, changed_ns: int) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
