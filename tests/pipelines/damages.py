"""What may happen to a file, and the files that a build reads back: for tests that damage one of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) * 8)
    flipped = bytearray(data)
    flipped[place // 8] ^= 1 << place % 8
    return bytes(flipped)


FAULTS: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "flip": _flip,
    "truncate": lambda data, chance: data[: chance.randrange(1, max(2, len(data) - 1))],
    "empty": lambda data, chance: b"",
    "delete": lambda data, chance: None,
}


@dataclass(frozen=True)
class Sort:
    """A sort of file: where it lies, below the folder that holds `corpus` and `corpus.work`; who notices damage."""

    pattern: str
    unverified: tuple[str, ...] = ()
    """Faults that `verify` may not see: the words of the card are free, and only a build knows which receipts there
    should be."""
    untold: tuple[str, ...] = ()
    """Faults that a build mends without a word: some files it writes anew without a look, and duplicates that are not
    there may not have been looked for yet."""


SORTS = {
    "script chunk": Sort("corpus.work/scripts-*.jsonl"),
    "script manifest": Sort("corpus.work/scripts-*.json"),
    "take chunk": Sort("corpus.work/chunk-*.arrow"),
    "take manifest": Sort("corpus.work/chunk-*.json"),
    "duplicates": Sort("corpus.work/duplicates-*.json", untold=("delete",)),
    "write shape": Sort("corpus.work/shape-write.json"),
    "perform shape": Sort("corpus.work/shape-perform.json"),
    "recipe": Sort("corpus.work/recipe.json", untold=tuple(FAULTS)),
    "receipt": Sort("corpus.work/shards/*.json", unverified=("delete",)),
    "dialogues": Sort("corpus/dialogues/*.arrow"),
    "utterances": Sort("corpus/utterances/*.arrow"),
    "corpus manifest": Sort("corpus/manifest.json"),
    "card": Sort("corpus/README.md", unverified=("flip", "truncate"), untold=tuple(FAULTS)),
}

PAID = {"answer": Sort("corpus.work/answers/*/*.json"), "spending": Sort("corpus.work/spending-*.json")}
"""What else there is where an endpoint writes the scripts."""


def damage(folder: Path, sort: Sort, fault: str, seed: str) -> Path:
    """Do a fault to one file of a sort, both chosen by the seed; returns the file's path."""
    chance = random.Random(seed)
    path = chance.choice(sorted(folder.glob(sort.pattern)))
    data = FAULTS[fault](path.read_bytes(), chance)
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that a build writes the same each time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "counters.json"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
