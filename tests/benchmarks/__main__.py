"""`make bench`: every benchmark in turn. `python -m tests.benchmarks NAME ...` runs only those."""

import sys
from importlib import import_module

ALL = ("pipeline", "listening", "recognizer", "codec", "grammar")


def main() -> None:
    for name in sys.argv[1:] or ALL:
        import_module(f"tests.benchmarks.bench_{name}").main()
        print(flush=True)


if __name__ == "__main__":
    main()
