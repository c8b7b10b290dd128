"""Which fault a request to the test endpoint meets."""

import random
from collections.abc import Sequence

TRANSPORT = ("429", "500", "drip", "header_drip", "timeout", "cut", "html", "echo_key")
"""Faults after which a request is sent again."""

CONTENT = ("fence", "truncated", "schema", "language", "huge", "key_in_content", "escaped_key")
"""Faults of what is said; all but the fence call for a re-ask, so a conversation gets one of them at most."""

IN_A_ROW = 3
"""Most transport faults that one request meets in a row, before it is answered."""


class Faults:
    """Drawn per (digest of the request, how often it was asked): nothing depends on time or order."""

    def __init__(self, rate: float, seed: int, kinds: Sequence[str]) -> None:
        self.rate, self.seed, self.kinds = rate, seed, tuple(kinds)
        self.forced: list[str] = []
        """Faults of the next requests, in order; "" for none."""
        self._touched: set[str] = set()

    def draw(self, digest: str, times: int, conversation: str) -> str:
        """The fault, or ""; `times`: how often the request was asked, this time included."""
        if self.forced:
            return self.forced.pop(0)
        random_draw = random.Random(f"{self.seed}/{digest}/{times}")
        if random_draw.random() >= self.rate or times > IN_A_ROW:
            return ""
        fault = random_draw.choice(self.kinds)
        if fault in CONTENT and fault != "fence":
            if conversation in self._touched:
                return ""
            self._touched.add(conversation)
        return fault
