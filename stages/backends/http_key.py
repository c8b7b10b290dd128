"""The key of an endpoint: read from the environment, sent, and scrubbed from all that comes back, also where JSON
escapes disguise it. It is in no text and in no exception."""

import os
import re

from schemas.errors import RecipeError
from schemas.recipe import Service

SECRET_CHARACTERS = 8
"""A shorter key is somebody's placeholder, and may be a word of any text: it is scrubbed as part of its header only."""

QUOTED_CHARACTERS = 200


class Key:
    """What the environment variable of a service holds; `secret` is "" where it is not set."""

    def __init__(self, service: Service) -> None:
        """Raises RecipeError that names the variable if it holds something that cannot be a key."""
        self.secret = os.environ.get(service.key_variable, "").strip()
        if not (self.secret.isascii() and self.secret.isprintable()) or " " in self.secret:
            raise RecipeError(
                f"The environment variable {service.key_variable} holds no key: keys are ASCII without spaces. "
                "Export the key alone."
            )
        self._spelled = _spellings(self.secret) if self.secret else None

    def scrub(self, text: str) -> str:
        """The text without the key, however JSON may have spelled it, inside a text inside JSON as well."""
        if self._spelled is None:
            return text
        return self._spelled.sub("[key]" if len(self.secret) >= SECRET_CHARACTERS else "Bearer [key]", text)

    def quote(self, text: str) -> str:
        """Scrubbed before it is cut, so that no half of the key is left; one line."""
        return " ".join(self.scrub(text).split())[:QUOTED_CHARACTERS]


def _spellings(key: str) -> re.Pattern[str]:
    """Each character as it is, behind a backslash or some, or as \\u and its number."""
    secret = key if len(key) >= SECRET_CHARACTERS else f"Bearer {key}"
    return re.compile("".join(rf"\\{{0,8}}(?:{re.escape(c)}|(?<=\\)(?i:u{ord(c):04x}))" for c in secret))
