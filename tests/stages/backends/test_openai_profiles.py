import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.recipe import Service
from schemas.script import Character
from schemas.seeds import derive_seed
from stages.backends.openai_chat import ChatClient
from stages.backends.openai_places import Places
from stages.backends.openai_profiles import PROFILE_TRIES, Portrait, Profiles
from stages.backends.openai_prompts import Prompts
from stages.backends.protocols import Usage
from tests.chat_roles import PROFILES
from tests.chat_server import ChatServer
from tests.stages.backends.roleplay_plans import character, roleplay_grammar


@pytest.fixture
def profiles(server: ChatServer, tmp_path: Path) -> Profiles:
    client = ChatClient("m", 1.0, 4096, Service(base_url=server.url, timeout_s=2.0, attempts=2))
    prompts = Prompts("writer")
    prompts.open()
    client.open()
    return Profiles(client, prompts, Places(roleplay_grammar(tmp_path)))


def together(profiles: Profiles, who: Character, threads: int) -> list[Portrait | Exception]:
    """What so many threads get that ask at the same moment."""
    barrier = threading.Barrier(threads)

    def ask(_: int) -> Portrait | Exception:
        barrier.wait()
        try:
            return profiles.portrait(who)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(ask, range(threads)))


def test_who_asks_at_the_same_moment_gets_what_was_asked_for_once(server: ChatServer, profiles: Profiles) -> None:
    server.latency_s = 0.1
    made = together(profiles, character(0), 8)
    assert server.counts["requests"] == 1
    assert all(one is made[0] for one in made)
    assert isinstance(made[0], Portrait)
    assert made[0].manner.startswith("Short sentences, with the ")
    assert profiles.claim(character(0)).requests == 1
    assert profiles.claim(character(0)) == Usage()


def test_characters_do_not_wait_for_each_other(server: ChatServer, profiles: Profiles) -> None:
    server.latency_s = 0.3
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(profiles.portrait, [character(index) for index in range(4)]))
    assert server.peak == 4
    assert len({one.character.background for one in made}) == 4


def test_a_failure_is_not_shared(server: ChatServer, profiles: Profiles) -> None:
    server.faults.forced = ["schema"] * 2 * PROFILE_TRIES
    made = together(profiles, character(0), 4)
    assert sum(isinstance(one, Exception) for one in made) == 1
    assert server.counts["requests"] == 7
    assert profiles.claim(character(0)).requests == 1  # of the six before, nothing came


def test_tries_have_seeds_in_turn_and_all_count(server: ChatServer, profiles: Profiles) -> None:
    server.faults.forced = ["schema", "truncated"] * (PROFILE_TRIES - 1)
    profiles.portrait(character(0))
    seeds = [body["seed"] for body in server.bodies]
    assert [seed - seeds[0] for seed in seeds] == [0, 0, 1, 1, 2]
    assert seeds[0] == derive_seed("profile", character(0).character_id) % 2**31
    assert profiles.claim(character(0)).requests == 5


def test_what_is_asked_depends_on_the_character_alone(server: ChatServer, profiles: Profiles) -> None:
    for index in (0, 0, 1, 16):
        profiles.portrait(character(index))
    first, other, namesake = server.bodies
    assert first["messages"] != other["messages"]
    assert first["messages"] == namesake["messages"]  # the same brief, word for word
    assert len({body["seed"] for body in server.bodies}) == 3


def test_phrases_end_without_a_stop(server: ChatServer, profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES["en"], "timbre", "warm, \n a little rough. ")
    made = profiles.portrait(character(0)).character
    assert made.timbre == "warm, a little rough"
    assert made.relation.endswith(".")
