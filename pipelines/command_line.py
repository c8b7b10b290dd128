"""The `troupe` command. Errors are one paragraph and exit code 2; a corpus that falls short exits with 1."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines.local import EXIT_TROUBLE
from pipelines.one_thread import compute_on_one_thread
from schemas.errors import FolderError, RecipeError, TroupeError
from schemas.printable import printable

EXIT_SHORT = 1
LAYOUTS = ("vita-qinyu", "parquet", "webdataset", "moshi")
"""What `trainer.export` can write; listed here so that other commands need not import it."""


class _PrintableFormatter(logging.Formatter):
    """Tracebacks may quote a script or a server's answer, which must not steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _options(list(sys.argv[1:] if arguments is None else arguments))
    compute_on_one_thread()
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO if options.debug else logging.ERROR)
    try:
        code: int = options.run(options)
        return code
    except TroupeError as error:
        if options.debug:
            raise
        print(f"troupe: {printable(str(error))}", file=sys.stderr)
        return EXIT_TROUBLE
    except BrokenPipeError:  # who reads our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SHORT
    except KeyboardInterrupt:
        words = "finished chunks are kept: go on with the same command, less any --restart"
        print(f"troupe: interrupted; {words}.", file=sys.stderr)
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    """The options of a command; what follows `--` are Beam's, for `build` alone."""
    parser = _parser()
    if "--" not in arguments:
        return parser.parse_args(arguments)
    cut = arguments.index("--")
    options = parser.parse_args(arguments[:cut])
    if options.run is not _build:
        parser.error("only build takes Beam options after --")
    options.beam_options = tuple(arguments[cut + 1 :])
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="troupe", description="Synthesize spoken corpora from a recipe.")
    parser.add_argument("--debug", action="store_true", help="log more, and show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="build a corpus from a recipe; the same command resumes",
        usage="%(prog)s RECIPE --out DIR [options] [-- BEAM OPTIONS]",
        epilog="With -- each graph runs as one pipeline on Beam's in-memory runner, or on the --runner named there, "
        "and --workers is of no effect.",
    )
    build.add_argument("recipe", metavar="RECIPE", help="TOML file, for example workflows/demo.toml")
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
    build.add_argument("--retry-dead", action="store_true", help="do chunks with dead letters again")
    build.set_defaults(run=_build, beam_options=None)
    verify = commands.add_parser("verify", help="check a corpus or a work folder: checksums, columns, audio, codes")
    verify.add_argument("corpus", help="folder given to build as --out, or its work folder")
    verify.set_defaults(run=_verify)
    export = commands.add_parser("export", help="write a finished corpus in the layout of another trainer or tool")
    export.add_argument("corpus", help="folder given to build as --out")
    export.add_argument("--format", required=True, choices=LAYOUTS, help="the layout")
    export.add_argument("--out", required=True, help="folder to write, new or empty")
    words = "vita-qinyu: write caches of codes and voices though they are not of its own codec and speaker encoder"
    export.add_argument("--foreign-caches", action="store_true", help=words)
    export.set_defaults(run=_export)
    replay = commands.add_parser("replay", help="do one record of a build again, to see how it fails or differs")
    replay.add_argument("id", help="a dialogue or take, as dead letters name it")
    replay.add_argument("--work", default="corpus.work", help="work folder of the build (default: %(default)s)")
    replay.set_defaults(run=_replay)
    draw = commands.add_parser("draw", help="draw a sung row: its notes, the pitch heard, the spectrogram")
    draw.add_argument("corpus", help="folder given to build as --out")
    draw.add_argument("id", help="an utterance, or a rejected take")
    draw.add_argument("--out", required=True, metavar="FILE.png", help="the picture")
    draw.set_defaults(run=_draw)
    doctor = commands.add_parser("doctor", help="which back ends work here, and what the others need")
    doctor.add_argument("recipe", nargs="?", help="as this recipe sets them up (default: as they come)")
    doctor.set_defaults(run=_doctor)
    import_module("trainer.commands").add_commands(commands)  # the one room above this one
    return parser


def _build(options: argparse.Namespace) -> int:
    if options.until == "scripts" and options.restart == "perform":
        raise RecipeError("--until scripts performs nothing, so --restart perform has nothing to do: drop one of them.")
    from pipelines.recipes import read_recipe

    recipe = read_recipe(options.recipe)
    from pipelines.build import Build
    from pipelines.remarks import costs, remarks, shortfalls
    from pipelines.trouble import disk_errors

    out = _folder(options.out)
    work = _folder(options.work) if options.work else f"{out}.work"
    manifest = Build(
        recipe,
        out,
        work,
        options.workers,
        options.until,
        options.restart,
        options.retry_dead,
        options.beam_options,
    ).run()
    if options.until == "scripts":
        return _report_scripts(work, manifest)
    with disk_errors(out):
        _report(out, manifest)
    for line in [*remarks(manifest, work), *costs(work).splitlines()]:
        print("\n".join(printable(part) for part in line.splitlines()))
    wrong = shortfalls(manifest)
    for sentence in wrong:
        print(f"troupe: {sentence}", file=sys.stderr)
    return EXIT_SHORT if wrong else 0


def _report_scripts(work: str, manifest: dict[str, Any]) -> int:
    """What became of the scripts; the exit code."""
    from pipelines.remarks import costs, dead_letters, left_out

    counts = manifest["scripts"]
    print(", ".join(f"{count} {status}" for status, count in counts.items()), "scripts")
    print(f"Scripts are in {work}/scripts-*.jsonl; build without --until to perform them.")
    for line in [*dead_letters(manifest["dead"], work), *costs(work).splitlines()]:
        print("\n".join(printable(part) for part in line.splitlines()))
    for sentence in left_out(counts["not attempted"]):
        print(f"troupe: {sentence}", file=sys.stderr)
    return EXIT_SHORT if counts["dead"] or counts["not attempted"] else 0


def _verify(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pipelines.trouble import disk_errors
    from pipelines.verify import verify

    out = _folder(options.corpus)
    with disk_errors(out), tqdm(unit="row", desc="verify") as bar:
        faults = verify(out, bar.update, bar.write)
    for fault in faults:
        print(printable(fault), file=sys.stderr)
    print(f"{out}: {'sound' if not faults else f'{len(faults)} faults'}")
    return EXIT_SHORT if faults else 0


def _export(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pipelines.trouble import disk_errors
    from trainer.export import export

    corpus, out = _folder(options.corpus), _folder(options.out)
    with disk_errors(out), tqdm(unit="row", desc="export") as bar:
        lines = export(corpus, out, options.format, options.foreign_caches, bar.update)
    for line in lines:
        print(printable(line))
    print(f"The export is in {out}; its README.md says how to use it.")
    return 0


def _replay(options: argparse.Namespace) -> int:
    from pipelines.replay import replay

    if options.debug:  # a failing record's traceback is logged as a warning
        logging.getLogger().setLevel(logging.WARNING)
    outcome = replay(_folder(options.work), options.id)
    print(outcome)
    return 0 if outcome.same else EXIT_SHORT


def _draw(options: argparse.Namespace) -> int:
    from pipelines import files
    from pipelines.piano_roll import draw
    from pipelines.trouble import disk_errors

    corpus = _folder(options.corpus)
    with disk_errors(corpus):
        png = draw(corpus, options.id)
    with disk_errors(options.out):
        files.write_bytes(_folder(options.out), png)
    print(options.out)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from pipelines.doctor import examine

    recipe = None
    if options.recipe:
        from pipelines.recipes import read_recipe

        recipe = read_recipe(options.recipe)
    sick = 0
    for diagnosis in examine(recipe):
        print(diagnosis, flush=True)
        sick += diagnosis.chosen and diagnosis.state != "answers"
    print("* chosen by the recipe" if recipe else "* chosen by default")
    return EXIT_SHORT if sick else 0


def _report(out: str, manifest: dict[str, Any]) -> None:
    """The books, one row, and where to look and listen."""
    from pipelines.books import render
    from pipelines.show import cut_short, first_dialogues, write_listening

    print(render(manifest["books"]))
    for row in list(first_dialogues(out, manifest).values())[:1]:
        print("\nOne row of dialogues (turns and codes cut short):")
        shown = json.dumps(cut_short(row), ensure_ascii=False, indent=1)
        print("\n".join(printable(line) for line in shown.split("\n")))
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
