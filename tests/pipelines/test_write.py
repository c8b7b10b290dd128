"""Builds whose scripts come from an endpoint: it fails, dies, is too dear or says too little; nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.answers import spent
from pipelines.build import Build
from pipelines.command_line import main
from pipelines.remarks import costs, shortfalls
from pipelines.replay import replay
from pipelines.write import cut, deal
from schemas.errors import OutageError, RecipeError
from schemas.recipe import Recipe
from stages.plan_dialogues import plan_dialogues
from tests import fakes
from tests.chat_faults import Faults
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe, fake_recipe_data

KEY = "sk-test-0123456789abcdef"
PRICES = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


def service(server: ChatServer, **changes: Any) -> dict[str, Any]:
    limits = {"timeout_s": 0.5, "concurrency": 4, "attempts": 6}
    return {"base_url": server.url, "key_variable": "TEST_KEY"} | limits | PRICES | changes


def recipe(server: ChatServer, judge: bool = False, **changes: Any) -> Recipe:
    """Twelve dialogues in six chunks, written (and judged) by the endpoint, performed by fakes."""
    return fake_recipe(**recipe_data(server, judge, **changes))


def recipe_data(server: ChatServer, judge: bool = False, **changes: Any) -> dict[str, Any]:
    asked = {"settings": {"model": "m"}, "service": service(server)}
    backends = fakes.BACKENDS | {"script": {"name": "openai"} | asked}
    if judge:
        backends["script_judge"] = {"name": "openai"} | asked
    return fake_recipe_data(chunk_dialogues=2, backends=backends) | changes


def run(made: Recipe, out: Path, **options: Any) -> Any:
    return Build(made, str(out), f"{out}.work", workers=0, **options).run()


def digests(out: Path) -> dict[str, str]:
    found = processes.digests(out, out.with_name(out.name + ".work"))
    return {name.replace(out.name, "corpus"): digest for name, digest in found.items()}


def test_a_fifth_of_faults_changes_no_byte_of_the_corpus(server: ChatServer, tmp_path: Path) -> None:
    run(recipe(server, judge=True), tmp_path / "faultless")
    with ChatServer(faults=0.2, seed=3) as faulty:
        manifest = run(recipe(faulty, judge=True), tmp_path / "faulty")
        assert sum(faulty.counts.values()) - faulty.counts["requests"] >= 5
    assert manifest["dead"] == []
    assert digests(tmp_path / "faulty") == digests(tmp_path / "faultless")
    first, second = (tmp_path / name / "manifest.json" for name in ("faultless", "faulty"))
    assert first.read_bytes() == second.read_bytes()


def test_a_dead_endpoint_stops_the_run_and_loses_nothing(server: ChatServer, tmp_path: Path) -> None:
    out, made = tmp_path / "corpus", recipe(server)
    server.faults.forced = [""] * 7 + ["500"] * 1000
    with pytest.raises(OutageError, match=server.url):
        run(made, out)
    work = out.with_name("corpus.work")
    assert not list(work.glob("scripts-*.json"))  # one hand holds all twelve: no manifest for what it broke
    paid = sum(server.answered.values())
    assert len(list(work.glob("answers/*/*.json"))) == paid >= 4
    server.faults.forced = []
    assert run(made, out)["books"]["conversation en"]["dialogues"]["accepted"] == 6
    assert sum(server.answered.values()) == 12
    assert max(server.answered.values()) == 1


def test_the_cost_limit_is_never_passed_and_what_is_left_counts_as_not_attempted(
    server: ChatServer, tmp_path: Path
) -> None:
    whole = run(recipe(server), tmp_path / "whole")
    requests = server.counts["requests"]
    out, work = tmp_path / "corpus", tmp_path / "corpus.work"
    settings = {"name": "openai", "settings": {"model": "m", "max_tokens": 400}, "service": service(server)}
    dear = recipe_data(server) | {"backends": fakes.BACKENDS | {"script": settings}}
    limit = 0.8 * server.usd  # a request may take what ten of them cost: the last ones cannot be sure of their room
    manifest = run(fake_recipe(**dear, run={"max_cost_usd": limit}), out)
    accounts = [account["dialogues"] for account in manifest["books"].values()]
    left = sum(account["not attempted"] for account in accounts)
    assert 2 <= left <= 10
    assert sum(account["accepted"] for account in accounts) == 12 - left
    assert 0 < spent(str(work)) <= limit
    assert f"{left} dialogues were not attempted" in shortfalls(manifest)[0]
    assert f"comes to {spent(str(work)):.4f} USD" in costs(str(work))

    complete = run(fake_recipe(**dear, run={"max_cost_usd": 1.0}), out)
    assert complete["books"] == whole["books"]
    assert server.counts["requests"] == requests + 12  # the second build paid for what was missing, and no more
    assert shortfalls(complete) == []
    assert not list(work.glob("not-attempted-*"))


def test_writing_again_costs_nothing(server: ChatServer, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    run(recipe(server), out)
    before, asked = digests(out), server.counts["requests"]
    run(recipe(server), out, restart="write")
    assert server.counts["requests"] == asked
    assert digests(out) == before


def test_a_judge_s_reason_is_kept_with_the_script(server: ChatServer, tmp_path: Path) -> None:
    server.score = 0.5
    select = {"max_rejected_share": 1.0}
    manifest = run(recipe(server, judge=True, select=select), tmp_path / "corpus")
    assert sum(account["dialogues"]["rejected"] for account in manifest["books"].values()) == 12
    line = (tmp_path / "corpus.work" / "scripts-00000.jsonl").read_text().splitlines()[0]
    record = json.loads(line)
    assert (record["status"], record["score"]) == ("rejected", 0.5)
    assert record["reason"].startswith("judge: score 0.5 below 0.85: ")
    assert record["script"]["turns"]


def test_a_script_that_no_one_can_read_is_dead_and_replay_finds_the_same_answer(
    server: ChatServer, tmp_path: Path
) -> None:
    server.faults.forced = ["schema"] * 2
    out = tmp_path / "corpus"
    made = recipe(server, kinds={"conversation": {"dialogues": 1, "languages": {"en": 1.0}}}, splits={"train": 1.0})
    (letter,) = run(made, out)["dead"]
    assert (letter["stage"], letter["record_id"]) == ("WriteScripts", "conversation-en-train-000000")
    asked = server.counts["requests"]
    assert replay(f"{out}.work", letter["record_id"]).same
    assert server.counts["requests"] == asked


def test_retry_dead_asks_anew_where_the_kept_answers_were_of_no_use(server: ChatServer, tmp_path: Path) -> None:
    run(recipe(server), tmp_path / "faultless")
    out = tmp_path / "corpus"
    server.faults.forced = ["schema"] * 5  # five are asked first, and one of them is unlucky twice
    dead = run(recipe(server), out)["dead"]
    assert dead
    asked = server.counts["requests"]
    assert run(recipe(server), out, restart="write")["dead"] == dead
    assert server.counts["requests"] == asked
    assert run(recipe(server), out, retry_dead=True)["dead"] == []
    assert server.counts["requests"] == asked + len(dead)
    assert digests(out) == digests(tmp_path / "faultless")


def test_until_scripts_says_what_is_dead_or_left_out(
    server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = processes.write_recipe(tmp_path / "scripts.toml", recipe_data(server))
    arguments = ["build", str(file), "--out", str(tmp_path / "corpus"), "--until", "scripts"]
    assert main(arguments) == 0
    assert "12 written, 0 rejected, 0 dead, 0 not attempted scripts" in capsys.readouterr().out
    server.reply = "I would rather not."
    assert main([*arguments[:3], str(tmp_path / "dead"), *arguments[4:]]) == 1
    said = capsys.readouterr().out
    assert "0 written, 0 rejected, 12 dead, 0 not attempted scripts" in said
    assert "12 dead letters; the first: WriteScripts on conversation-" in said
    poor = processes.write_recipe(tmp_path / "poor.toml", recipe_data(server, run={"max_cost_usd": 0.0}))
    assert main(["build", str(poor), "--out", str(tmp_path / "poor"), "--until", "scripts"]) == 1
    shown = capsys.readouterr()
    assert "0 written, 0 rejected, 0 dead, 12 not attempted scripts" in shown.out
    assert "12 dialogues were not attempted" in shown.err


def test_a_limit_on_what_has_no_price_is_refused(server: ChatServer, tmp_path: Path) -> None:
    unpriced = {key: value for key, value in service(server).items() if key not in PRICES}
    backends = fakes.BACKENDS | {"script": {"name": "openai", "settings": {"model": "m"}, "service": unpriced}}
    with pytest.raises(RecipeError, match=r"run\.max_cost_usd: backends\.script\.service names no price"):
        run(fake_recipe(backends=backends, run={"max_cost_usd": 1.0}), tmp_path / "corpus")
    assert server.counts["requests"] == 0


def test_one_hand_keeps_the_endpoint_busy(server: ChatServer) -> None:
    made = recipe(server)
    chunks = cut(plan_dialogues(made), 2)
    assert [len(hand) for hand in deal(chunks, made)] == [6]
    assert [len(hand) for hand in deal(chunks, fake_recipe())] == [1] * 6


@pytest.mark.slow
def test_the_key_is_in_no_file_no_word_and_no_process_title(server: ChatServer, tmp_path: Path) -> None:
    server.faults = Faults(0.5, 5, ("echo_key", "html", "key_in_content", "500", "429"))
    data = recipe_data(server, judge=True)
    file = processes.write_recipe(tmp_path / "key.toml", data)
    process = processes.command(["--debug", "build", str(file), "--out", str(tmp_path / "corpus"), "--workers", "1"])
    titles = b""
    while process.poll() is None:
        for pid in [process.pid, *processes.children(process.pid)]:
            cmdline = Path(f"/proc/{pid}/cmdline")
            titles += cmdline.read_bytes() if cmdline.exists() else b""
    _, said, logged = processes.finish(process)
    assert server.counts["echo_key"] + server.counts["key_in_content"] > 0
    assert b"pipelines.worker" in titles
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 20
    assert not [text for text in (*written, titles, said.encode(), logged.encode()) if KEY.encode() in text]
