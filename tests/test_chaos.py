"""A short run of `make chaos`, and a look at whether it would see what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import break_backend, run
from tests.chaos_corpus import KEY, Chaos
from tests.chat_server import ChatServer


@pytest.mark.slow
def test_a_few_rounds_of_trouble_lose_nothing(tmp_path: Path) -> None:
    tally = run(seed=7, faults=2, folder=tmp_path)
    assert sum(tally.faults.values()) >= 2
    assert (tally.lost, tally.wrong) == (0, 0)


@pytest.mark.slow
def test_what_is_lost_or_wrong_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer() as server:
        chaos = Chaos(tmp_path, server, seed=1)
        chaos.compare()
        chaos.seek_key()
        assert (chaos.tally.lost, chaos.tally.wrong, capsys.readouterr().err) == (0, 0, "")

        card, shard = chaos.out / "README.md", next(chaos.out.glob("dialogues/test-*.arrow"))
        card.write_text(f"{card.read_text()}{KEY}\n")
        shard.unlink()
        next(chaos.work.glob("spending-*.json")).unlink()
        chaos.compare()
        chaos.seek_key()
        said = capsys.readouterr().err
        assert f"{chaos.out}: dialogues/{shard.name} is lost\n" in said
        assert f"{chaos.out}: README.md differs\n" in said
        assert f"{chaos.out}: {server.usd:.6f} USD are off the books" in said
        assert f"{card} holds the key\n" in said
        assert (chaos.tally.lost, chaos.tally.wrong) == (1, 4)  # and verify misses the shard

        teller = [sys.executable, "-c", f"print('{KEY}')"]
        chaos.finish(subprocess.Popen(teller, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        assert "a process told the key" in capsys.readouterr().err

        assert not break_backend(chaos)  # what is finished meets no back end
        chaos.begin("broken", 0.0)
        assert break_backend(chaos)
