"""Where graphs run: on an in-memory FnApiRunner of this process, or where the Beam options of a build say.

FnApiRunner is named explicitly: Beam's DirectRunner first looks for Prism, a binary that it would download.
"""

import argparse
import difflib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineState, create_runner
from apache_beam.transforms.resources import parse_resource_hints

from pipelines.trouble import explain
from schemas.errors import RecipeError, TroupeError

LOOK_S = 1.0
LOOK_SHARE = 0.1
"""At most this share of the time is spent looking: listing a bucket of many chunks takes seconds."""

_INTERRUPTED = re.compile(r"^(?:RuntimeError: )?KeyboardInterrupt(?: \[while running .*\])?$", re.MULTILINE)
"""Ctrl-C inside a step, as Beam says it: it wraps whatever a step raises in a RuntimeError."""

Draw = Callable[[beam.Pipeline], Any]


class PerformOptions(PipelineOptions):  # type: ignore[misc]
    """Resource hints of the perform graph's heavy composite, for runners that place stages by them (Dataflow)."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--perform_min_ram", help="memory of a machine that performs, for example 16GB")
        parser.add_argument("--perform_cpu_count", help="its CPU cores, for example 4")
        parser.add_argument("--perform_accelerator", help="for example type:nvidia-l4;count:1;install-nvidia-driver")


def check_options(arguments: Sequence[str], folders: Sequence[str] = ()) -> None:
    """Raises RecipeError for Beam options that no PipelineOptions class knows, that their runner refuses or that are
    no hints, for unknown runners, and for local `folders` of a runner whose workers are elsewhere."""
    unknown = unknown_options(arguments)
    if unknown:
        raise RecipeError(f"Beam has no option {unknown[0].split('=')[0]}.{_nearest(unknown[0])}")
    runner = _runner(arguments)
    local = [folder for folder in folders if "://" not in folder]
    if local and "dataflow" in type(runner).__name__.lower():
        raise RecipeError(f"{local[0]}: Dataflow's workers cannot see this folder; give --out and --work gs:// paths.")
    try:
        parse_resource_hints(perform_hints(arguments))
        beam.Pipeline(runner=runner, options=pipeline_options(arguments))
    except ValueError as error:
        raise RecipeError(f"The Beam options do not fit: {' '.join(str(error).split())}") from error
    except Exception as error:  # checking them, Dataflow's runner looks for the buckets
        raise _stopped(error) from error


def unknown_options(arguments: Sequence[str]) -> list[str]:
    """Arguments that no PipelineOptions class knows; Beam itself would pass them over in silence."""
    return _Strict.of_beam().parse_known_args(list(arguments))[1]


def pipeline_options(arguments: Sequence[str]) -> PipelineOptions:
    """Beam's options from their command line. The main session is never saved: nothing of ours lives in it."""
    return PipelineOptions(list(arguments), save_main_session=False)


def perform_hints(arguments: Sequence[str]) -> dict[str, str]:
    """The resource hints among Beam options, as `PTransform.with_resource_hints` takes them."""
    options = pipeline_options(arguments).view_as(PerformOptions)
    hints = {name: getattr(options, f"perform_{name}") for name in ("min_ram", "cpu_count", "accelerator")}
    return {name: value for name, value in hints.items() if value is not None}


def start(draw: Draw, arguments: Sequence[str] = ()) -> Any:
    """Draw a graph and hand it to its runner; returns Beam's result, perhaps of a run that goes on."""
    pipeline = beam.Pipeline(runner=_runner(arguments), options=pipeline_options(arguments))
    draw(pipeline)
    return pipeline.run()


def run_graph(draw: Draw, arguments: Sequence[str] = ()) -> Any:
    """Draw a graph and run it to its end; returns Beam's result, which holds the counters.

    Raises KeyboardInterrupt for Ctrl-C wherever it struck. A named runner's own trouble becomes a TroupeError; without
    one the exception is left as it is.
    """
    try:
        with _logged_once():
            result = start(draw, arguments)
            try:
                state = result.wait_until_finish() or result.state
            except KeyboardInterrupt:
                result.cancel()  # or the job would go on beside that of the next build
                raise
    except Exception as error:
        if _interrupted(error):
            raise KeyboardInterrupt from error
        if not arguments or explain(error, "") is not None:
            raise
        raise _stopped(error) from error
    if state != PipelineState.DONE:
        raise TroupeError(f"The Beam runner ended the run as {state}; what is finished is kept: build again.")
    return result


@contextmanager
def _logged_once() -> Iterator[None]:
    """Beam logs, traceback and all, what a step raises, and raises it: whoever catches it says it."""
    log = logging.getLogger("apache_beam.runners.common")
    log.addFilter(_is_no_raise)
    try:
        yield
    finally:
        log.removeFilter(_is_no_raise)


def _is_no_raise(record: logging.LogRecord) -> bool:
    return not record.exc_info


def _interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is anywhere in the chain of causes, or in the words of one of them."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt) or _INTERRUPTED.search(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _stopped(error: Exception) -> TroupeError:
    last = str(error).strip().splitlines()[-1:] or ["it did not say why"]
    return TroupeError(
        f"The Beam runner stopped: {type(error).__name__}: {last[0]} What is finished is kept: build again when the "
        "cause is mended; troupe --debug build shows the whole traceback."
    )


@contextmanager
def watching(look: Callable[[], Any]) -> Iterator[None]:
    """Calls `look` every second or less often, from a thread of its own, until the block ends."""
    ended = threading.Event()

    def watch() -> None:
        pause = LOOK_S
        while not ended.wait(pause):
            began = time.monotonic()
            try:
                look()
            except Exception as error:  # a bar that cannot see for a moment must not end the run
                logging.getLogger(__name__).warning("cannot look at the work folder: %s", error)
            pause = max(LOOK_S, (time.monotonic() - began) / LOOK_SHARE)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _runner(arguments: Sequence[str]) -> Any:
    name = pipeline_options(arguments).view_as(StandardOptions).runner
    if name is None:
        return FnApiRunner()
    try:
        return create_runner(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(f"--runner={name}: {' '.join(str(error).split())}") from error


class _Strict(argparse.ArgumentParser):
    """All of Beam's options in one parser that says what is wrong instead of printing them all and exiting."""

    def add_value_provider_argument(self, *names: str, **settings: Any) -> None:
        self.add_argument(*names, **settings)

    def error(self, message: str) -> NoReturn:
        raise RecipeError(f"Beam options: {message}.")

    @classmethod
    def of_beam(cls) -> "_Strict":
        parser = cls(allow_abbrev=False, add_help=False)
        for options in PipelineOptions.__subclasses__():
            options._add_argparse_args(parser)
        return parser


def _nearest(argument: str) -> str:
    known = [name for action in _Strict.of_beam()._actions for name in action.option_strings]
    close = difflib.get_close_matches(argument.split("=")[0], known, n=1)
    return f" Did you mean {close[0]}?" if close else " See the options of the runner in Beam's documentation."
