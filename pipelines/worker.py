"""A worker process of a local build: performs the chunks it reads from stdin, then exits.

    python -m pipelines.worker PARENT_PID < lines of JSON: first the build, then one ChunkJob each

Prints its counters as JSON. Disk trouble: one paragraph on stderr and exit code 2.
"""

import json
import resource
import sys
from collections.abc import Sequence
from typing import Any

from pipelines.local import EXIT_TROUBLE, Counter, die_with
from pipelines.perform import ChunkJob, build_perform, retry_limits
from pipelines.runners import run_graph
from pipelines.stage_table import close_stages
from pipelines.trouble import explain
from schemas.errors import TroupeError
from schemas.recipe import Recipe


def main() -> int:
    die_with(int(sys.argv[1]))
    build, *jobs = sys.stdin.read().splitlines()
    settings = json.loads(build)
    try:
        print(json.dumps(perform_here(settings, jobs)))
    except Exception as error:
        trouble = error if isinstance(error, TroupeError) else explain(error, settings["work"])
        if trouble is None:
            raise
        print(trouble, file=sys.stderr)
        return EXIT_TROUBLE
    return 0


def perform_here(build: dict[str, Any], jobs: Sequence[str]) -> list[Counter]:
    """Perform chunks in this process; `build` has recipe, work folder and codec, the jobs are ChunkJobs as JSON.

    Returns Beam's counters, the process's peak memory and the CPU time of its back ends' helper processes.
    """
    recipe = Recipe.model_validate(build["recipe"])
    chunks = [ChunkJob(**json.loads(job)) for job in jobs]
    limits = retry_limits(recipe)
    try:
        result = run_graph(lambda p: build_perform(p, chunks, recipe, limits, build["work"], build["codec"]))
    finally:
        close_stages()
    counters = result.metrics().query()["counters"]
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN)
    helpers_us = int(1e6 * (helpers.ru_utime + helpers.ru_stime))
    counted = [(c.key.metric.namespace, c.key.metric.name, c.committed) for c in counters]
    return [*counted, ("worker", "rss_kb", peak_kb), ("helper processes", "cpu_us", helpers_us)]


if __name__ == "__main__":
    sys.exit(main())
