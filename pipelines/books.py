"""The closed books: what was planned, written and performed, and where it all went, per kind and language."""

from collections.abc import Iterable

from stages.select_takes import Selection, TakeFacts

Books = dict[str, dict[str, dict[str, float]]]
"""'kind language' -> account -> column -> amount."""

SUMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dialogues": ("planned", ("accepted", "rejected", "dead", "not attempted")),
    "turns": ("written", ("accepted", "rejected", "dead")),
    "takes": ("performed", ("accepted", "rejected", "dead")),
    "seconds": ("performed", ("accepted", "rejected")),
}
"""Account -> (its whole, the parts that must add up to it)."""


def new_account() -> dict[str, dict[str, float]]:
    return {account: dict.fromkeys((whole, *parts), 0) for account, (whole, parts) in SUMS.items()}


class Bookkeeper:
    """Enters each planned dialogue once. Wholes come from the plan and the manifests, parts from the selection, so
    that a dialogue, a take or a second which one of them forgets shows."""

    def __init__(self) -> None:
        self.books: Books = {}

    def plan(self, kind: str, language: str) -> None:
        self._account(kind, language)["dialogues"]["planned"] += 1

    def leave_out(self, kind: str, language: str) -> None:
        """A dialogue that was not attempted."""
        self._account(kind, language)["dialogues"]["not attempted"] += 1

    def perform(self, kind: str, language: str, turns: int, takes: Iterable[TakeFacts], dead: int) -> None:
        account = self._account(kind, language)
        account["turns"]["written"] += turns
        for take in takes:
            account["takes"]["performed"] += 1
            account["seconds"]["performed"] += take["duration_s"]
        account["takes"]["performed"] += dead

    def select(self, kind: str, language: str, turns: int, selection: Selection, dead: int) -> None:
        account = self._account(kind, language)
        account["dialogues"][selection.status] += 1
        if turns:
            account["turns"][selection.status] += turns
        account["takes"]["dead"] += dead
        for take in selection.chosen:
            account["takes"]["accepted"] += 1
            account["seconds"]["accepted"] += take["duration_s"]
        for rejection in selection.rejections:
            if rejection.take is not None:
                account["takes"]["rejected"] += 1
                account["seconds"]["rejected"] += rejection.take["duration_s"]

    def _account(self, kind: str, language: str) -> dict[str, dict[str, float]]:
        return self.books.setdefault(f"{kind} {language}", new_account())


def rounded(books: Books) -> Books:
    """Counts as whole numbers, seconds to the millisecond."""
    return {
        key: {
            name: {column: round(amount, 3) if name == "seconds" else int(amount) for column, amount in columns.items()}
            for name, columns in account.items()
        }
        for key, account in sorted(books.items())
    }


def open_accounts(books: Books) -> list[str]:
    """Every account that does not close, in words; empty when the books close."""
    wrong = []
    for key, account in books.items():
        for name, (whole, parts) in SUMS.items():
            total = sum(account[name][part] for part in parts)
            if abs(total - account[name][whole]) > 0.01:
                sum_text = " + ".join(f"{part} {account[name][part]:g}" for part in parts)
                wrong.append(f"{key}, {name}: {whole} {account[name][whole]:g} is not {sum_text}")
    return wrong


def rejected_share(books: Books) -> float:
    """Dialogues rejected over dialogues planned."""
    dialogues = [account["dialogues"] for account in books.values()]
    return sum(d["rejected"] for d in dialogues) / max(1, sum(d["planned"] for d in dialogues))


def render(books: Books) -> str:
    """The books as a table for people."""
    parts = SUMS["dialogues"][1]
    lines = [f"{'books':26}{'whole':>20}" + "".join(f"{part:>15}" for part in parts)]
    for key, account in books.items():
        for name, (whole, _) in SUMS.items():
            cells = "".join(f"{account[name][part]:>15.0f}" if part in account[name] else f"{'':15}" for part in parts)
            lines.append(f"{key + ' ' + name:26}{f'{whole} {account[name][whole]:.0f}':>20}{cells}")
    return "\n".join(lines)
