"""The `troupe` command. Errors are one paragraph and exit code 2; a corpus that falls short exits with 1."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.errors import FolderError, RecipeError, TroupeError

EXIT_SHORT = 1
EXIT_TROUBLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _parser().parse_args(arguments)
    logging.getLogger().addHandler(logging.StreamHandler())
    logging.getLogger().setLevel(logging.INFO if options.debug else logging.ERROR)
    try:
        code: int = options.run(options)
        return code
    except TroupeError as error:
        if options.debug:
            raise
        print(f"troupe: {error}", file=sys.stderr)
        return EXIT_TROUBLE
    except KeyboardInterrupt:
        words = "finished chunks are kept: go on with the same command, less any --restart"
        print(f"troupe: interrupted; {words}.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="troupe", description="Synthesize spoken corpora from a recipe.")
    parser.add_argument("--debug", action="store_true", help="log more, and show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build a corpus from a recipe; the same command resumes")
    build.add_argument("recipe", type=Path, metavar="RECIPE", help="TOML file, for example workflows/demo.toml")
    build.add_argument("--out", required=True, help="folder of the corpus")
    build.add_argument("--work", help="folder of chunks and manifests (default: OUT.work)")
    build.add_argument(
        "--workers",
        type=_count,
        default=_cores(),
        help="processes (default: all cores, %(default)s; 0: this process, for a debugger)",
    )
    build.add_argument("--until", choices=["scripts"], help="stop after writing the scripts")
    build.add_argument("--restart", choices=["write", "perform"], help="do this phase, and what follows it, again")
    build.set_defaults(run=_build)
    verify = commands.add_parser("verify", help="check a corpus: checksums, columns, audio, codes, books")
    verify.add_argument("corpus", help="folder given to build as --out")
    verify.set_defaults(run=_verify)
    return parser


def _build(options: argparse.Namespace) -> int:
    from schemas.recipe import load_recipe

    if options.until == "scripts" and options.restart == "perform":
        raise RecipeError("--until scripts performs nothing, so --restart perform has nothing to do: drop one of them.")
    recipe = load_recipe(options.recipe)
    from pipelines.build import Build, remarks, shortfalls

    out = _folder(options.out)
    work = _folder(options.work) if options.work else f"{out}.work"
    manifest = Build(recipe, out, work, options.workers, options.until, options.restart).run()
    if manifest is None:
        print(f"Scripts are in {work}/scripts-*.jsonl; build without --until to perform them.")
        return 0
    _report(out, manifest)
    for sentence in remarks(manifest):
        print(sentence)
    wrong = shortfalls(manifest)
    for sentence in wrong:
        print(f"troupe: {sentence}", file=sys.stderr)
    return EXIT_SHORT if wrong else 0


def _verify(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pipelines.verify import verify

    out = _folder(options.corpus)
    with tqdm(unit="row", desc="verify") as bar:
        faults = verify(out, bar.update)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{out}: {'sound' if not faults else f'{len(faults)} faults'}")
    return EXIT_SHORT if faults else 0


def _report(out: str, manifest: dict[str, Any]) -> None:
    """The books, one row, and where to look and listen."""
    from pipelines.books import render
    from pipelines.show import cut_short, first_dialogues, write_listening

    print(render(manifest["books"]))
    for row in list(first_dialogues(out, manifest).values())[:1]:
        print("\nOne row of dialogues (turns and codes cut short):")
        print(json.dumps(cut_short(row), ensure_ascii=False, indent=1))
    print(f"\nThe corpus is in {out}; its README.md says how to load it. Check it with: troupe verify {out}")
    print(f"To listen, assistant left, user right: {' '.join(write_listening(out, manifest))}")


def _folder(path: str) -> str:
    """An absolute path, or a URL as it is. Raises FolderError for characters that would be read as a pattern."""
    if any(character in path for character in "*?["):
        raise FolderError(f"{path}: a folder's name may not hold *, ? or [; choose another.")
    return path if "://" in path else str(Path(path).absolute())


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, not '{text}'")
    return int(text)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
