"""Text from anywhere, made fit to show: a language model, a recipe or a server may send anything."""

SHOWN = 200
"""Characters of foreign text that a message quotes at most."""


def printable(text: str, limit: int | None = None) -> str:
    """The text on one line, with nothing in it that moves a cursor, hides or turns what stands beside it.

    Control, format (zero-width, right-to-left), surrogate, private and unassigned characters become escapes such as
    \\x1b and \\u202e. What is longer than `limit` is cut, and ends in "…".
    """
    shown = "".join(c if c.isprintable() else _escape(c) for c in text[: None if limit is None else limit + 1])
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()
