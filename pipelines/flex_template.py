"""Submits one graph of a build and does not wait for it: the entry point of a Dataflow flex template.

    python -m pipelines.flex_template --recipe=gs://… --out=gs://… --work=gs://… --phase=write BEAM OPTIONS

One launch a graph: write, duplicates, perform, assemble, each when the one before has finished; all state is in the
work folder. The search for near-duplicates is a launch of its own because it groups the texts of the whole corpus: that
is work for the runner, not for the small machine that launches.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pipelines.build import Build, Graph
from pipelines.local import EXIT_TROUBLE
from pipelines.manifests import Manifest
from pipelines.recipes import read_recipe
from pipelines.runners import Draw, start, unknown_options
from pipelines.script_chunks import take_notes
from schemas.errors import DamagedError, FolderError, TroupeError

GRAPHS: tuple[Graph, ...] = get_args(Graph)
IN_THE_IMAGE = "--sdk_location=container"
"""Workers run the Beam of their image, which is the launcher's own."""

_log = logging.getLogger(__name__)


class _Submitted(Exception):
    """The graph is with its runner, whose result this carries: the rest of the build is for later launches."""


class _NothingLeft(Exception):
    """The graph has no chunk left to do."""


@dataclass(frozen=True)
class OneGraph(Build):
    """A build that ends when it has handed `phase` to the runner. What is done already is not done again."""

    phase: Graph = "write"

    def _run(self, graph: Graph, draw: Draw) -> None:
        behind = GRAPHS.index(self.phase) - GRAPHS.index(graph)
        if behind > 0:
            raise FolderError(
                f"{self.work}: the {graph} graph has not finished, and {self.phase} needs what it writes: launch "
                f"--phase={graph} first, or wait for its job to end."
            )
        if behind < 0:
            raise _NothingLeft
        raise _Submitted(start(draw, self.beam_options or ()))

    def _left_out(self) -> dict[int, Any]:
        """What the write graph noted holds until it is launched again: later graphs go on without."""
        if self.phase == "write":
            return super()._left_out()
        try:
            return take_notes(self.work)
        except DamagedError as error:
            raise FolderError(f"{error}; launch --phase=write again.") from error

    def _assemble(self, *layout: Any) -> Manifest:
        if self.phase != "assemble":  # it makes room in the corpus folder before its graph is drawn
            raise _NothingLeft
        return super()._assemble(*layout)


def parser() -> argparse.ArgumentParser:
    """The launcher's own arguments; whatever else is given is Beam's."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.flex_template", allow_abbrev=False)
    parser.add_argument("--recipe", required=True, help="TOML file")
    parser.add_argument("--out", required=True, help="folder of the corpus")
    parser.add_argument("--work", required=True, help="folder of chunks and manifests")
    parser.add_argument("--phase", required=True, choices=GRAPHS, help="which graph to submit")
    return parser


def launch(arguments: Sequence[str]) -> Any:
    """Submit the graph; returns Beam's result, None where nothing is left to do.

    Raises TroupeError for what the user can mend.
    """
    options, given = parser().parse_known_args(arguments)
    unknown = unknown_options(given)
    if unknown:  # a launcher adds options of its own, which may be newer than the SDK: `troupe build` refuses them
        _log.warning("Beam does not know these options: %s", " ".join(unknown))
    beam_options = (IN_THE_IMAGE, *(option for option in given if option not in unknown))
    build = OneGraph(
        read_recipe(options.recipe), options.out, options.work, 0, beam_options=beam_options, phase=options.phase
    )
    try:
        build.run()
    except _Submitted as submitted:
        _log.info("%s: submitted.", options.phase)
        return submitted.args[0]
    except _NothingLeft:
        _log.warning("%s: nothing is left to do, so no job was submitted.", options.phase)
        return None


def main() -> int:
    logging.basicConfig(level=logging.INFO)
    try:
        launch(sys.argv[1:])
    except TroupeError as error:
        _log.error("%s", error)
        return EXIT_TROUBLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
