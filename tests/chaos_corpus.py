"""What `tests.chaos` disturbs, and how it tells whether anything came of it."""

import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.answers import spent
from tests import fakes
from tests.chat_faults import CONTENT, TRANSPORT, Faults
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data
from tests.pipelines.test_dead_letters import FAULTED

KEY = "sk-chaos-0123456789"
CONCURRENCY = 4
TIMEOUT_S = 2.0
SEAL = re.compile(r'"seal": *"\w+"')


@dataclass
class Tally:
    """What was done to the corpora, and what came of it: dialogues and files lost, and all else that is wrong."""

    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: int = 0
    wasted_s: list[float] = field(default_factory=list)

    def blame(self, words: str, lost: int = 0) -> None:
        print(words, file=sys.stderr, flush=True)
        self.lost += lost
        self.wrong += not lost


@dataclass
class Purse:
    """What the endpoint had been paid when a round began; whether files that tell of payments were damaged since."""

    usd: float
    harmed: bool = False


class Chaos:
    """One recipe, one endpoint, and corpora that are disturbed by a seed."""

    def __init__(self, folder: Path, server: ChatServer, seed: int) -> None:
        self.folder = folder
        self.server = server
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.broken = folder / "faults.json"
        self.env = {"CHAOS_KEY": KEY, fakes.FAULTS: str(self.broken)}
        self.mend()
        self.recipe = processes.write_recipe(folder / "chaos.toml", self._recipe())
        self.takes: list[str] = []
        self.deck: list[str] = []
        """Steps to come, so that each has its turn."""
        self.begin("undisturbed", 0.0)
        started = time.monotonic()
        code, _, words = self.finish(self.build())
        assert code == 0, words
        self.undisturbed_s = time.monotonic() - started
        self.expected = self.digests()
        for chunk in sorted(self.work.glob("scripts-*.jsonl")):
            for record in map(json.loads, chunk.read_text().splitlines()):
                self.takes += [
                    f"{record['dialogue_id']}-t{turn:02d}-a0" for turn in range(len(record["script"]["turns"]))
                ]

    def begin(self, name: str, rate: float) -> None:
        """A new corpus, which an endpoint writes that has never been asked."""
        self.out = self.folder / name
        self.server.asked.clear()
        self.server.faults = Faults(rate, self.chance.randrange(10**6), TRANSPORT + CONTENT)
        self.purse = Purse(self.server.usd)

    def _recipe(self) -> dict[str, Any]:
        service = {"base_url": self.server.url, "key_variable": "CHAOS_KEY", "timeout_s": TIMEOUT_S}
        service |= {name: 1.0 for name in ("usd_per_million_prompt_tokens", "usd_per_million_completion_tokens")}
        service |= {"concurrency": CONCURRENCY}
        backends = fakes.BACKENDS | {
            "script": {"name": "openai", "settings": {"model": "test-model"}, "service": service},
            "speech": {"name": "fake", "settings": {"seconds_per_line": 0.03}},
        }
        kinds = {"conversation": {"dialogues": 24, "user_voices": 9}}
        return fake_recipe_data(name="chaos", chunk_dialogues=2, kinds=kinds, backends=backends)

    def build(self, *options: str, **popen: Any) -> subprocess.Popen[str]:
        return processes.command(
            ["build", str(self.recipe), "--out", str(self.out), "--workers", "2", *options], env=self.env, **popen
        )

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Return code, stdout and stderr, which must not hold the key."""
        code, out, words = processes.finish(process)
        if KEY in out + words:
            self.tally.blame(f"{self.out}: a process told the key")
        return code, out, words

    @property
    def work(self) -> Path:
        return self.out.with_name(self.out.name + ".work")

    def digests(self) -> dict[str, str]:
        """Of every chunk and shard, the manifest and the card, by a name without the corpus's own."""
        found = processes.digests(self.out, self.work)
        for path in self.out.glob("README.md"):
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        for path in self.out.glob("manifest.json"):
            found[path.name] = hashlib.sha256(SEAL.sub("", path.read_text()).encode()).hexdigest()
        return {re.sub(f"^{self.out.name}/", "corpus/", name): digest for name, digest in found.items()}

    def dead(self) -> int:
        """Dead letters in the manifests of chunks; one that is damaged holds none."""
        count = 0
        for path in (*self.work.glob("scripts-*.json"), *self.work.glob("chunk-*.json")):
            try:
                count += len(json.loads(path.read_text())["dead"])
            except (ValueError, KeyError):
                continue
        return count

    def mend(self) -> None:
        self.broken.write_text(json.dumps({name: {} for name in FAULTED}))
        self.server.dead = False

    def compare(self) -> None:
        """Blame what is not as in the undisturbed corpus."""
        found = self.digests()
        for name in sorted(self.expected.keys() - found.keys()):
            self.tally.blame(f"{self.out}: {name} is lost", lost=1)
        for name in sorted(name for name in found if self.expected.get(name) != found[name]):
            self.tally.blame(f"{self.out}: {name} differs")
        # A damaged answer stays until somebody asks for it again, and verify names it as long.
        for folder in (self.out,) if self.purse.harmed else (self.out, self.work):
            code, _, words = self.finish(processes.command(["verify", str(folder)]))
            if code:
                self.tally.blame(f"{folder}: {words}")
        if not self.purse.harmed:
            self.count_money()

    def count_money(self) -> None:
        """Blame books that hold less than what was delivered."""
        short_usd = self.server.usd - self.purse.usd - spent(str(self.work))
        if short_usd > 1e-9:
            self.tally.blame(f"{self.out}: {short_usd:.6f} USD are off the books")

    def seek_key(self) -> None:
        """Blame files that hold the key."""
        for path in self.folder.rglob("*"):
            if path.is_file() and KEY.encode() in path.read_bytes():
                self.tally.blame(f"{path} holds the key")
