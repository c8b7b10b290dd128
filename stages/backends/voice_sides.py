"""Who is on which side of a dialogue, told by the id: so that its two voices are never one, whoever meets whom."""

import re
from collections.abc import Sequence
from typing import TypeVar

from schemas.script import Character
from schemas.seeds import derive_seed

_ROLE_IN_ID = re.compile(r"-([uac])\d+$")

Item = TypeVar("Item")


def side(character_id: str) -> int:
    """0 for users (`en-u017`), 1 for assistants (`en-a003`) and for the characters of role-play (`en-c00012`); any
    other id takes the side that its digest says."""
    role = _ROLE_IN_ID.search(character_id)
    return int(role.group(1) != "u") if role else derive_seed("side", character_id) % 2


def shared_out(items: Sequence[Item], character: Character) -> Item:
    """The character's item of two and more in a fixed order: users have the first, third …, the others the rest, each
    character always the same one."""
    mine = items[side(character.character_id) :: 2]
    return mine[derive_seed("voice of", character.character_id) % len(mine)]
