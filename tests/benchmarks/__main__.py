"""`make bench`: every benchmark in turn. `python -m tests.benchmarks NAME ...` runs only those."""

import sys
from importlib import import_module

from pipelines.one_thread import compute_on_one_thread

ALL = (
    "pipeline",
    "grammar",
    "writer",
    "speech",
    "expression",
    "singing",
    "listening",
    "recognizer",
    "speaker",
    "roleplay",
    "codec",
    "trainer",
)


def main() -> None:
    compute_on_one_thread()  # before a benchmark imports what reads it
    for name in sys.argv[1:] or ALL:
        import_module(f"tests.benchmarks.bench_{name}").main()
        print(flush=True)


if __name__ == "__main__":
    main()
