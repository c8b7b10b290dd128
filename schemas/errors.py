"""Errors that a user can act on. The command line prints them as one paragraph and exits with 2."""


class TroupeError(Exception):
    """What went wrong, where, and what to do about it: one paragraph, no traceback."""


class RecipeError(TroupeError):
    """The recipe is wrong; the message names key, value and remedy."""


class MissingExtraError(TroupeError):
    """A back end's package is not installed; the message names the extra that brings it."""


class FolderError(TroupeError):
    """An output or work folder cannot be used; the message names it and the remedy."""


class DamagedError(FolderError):
    """A file of ours is not what was written: the message names it. What is sound is kept; the rest is done again."""


class OutageError(TroupeError):
    """A whole endpoint does not answer; the message names it. The run stops, and what it broke gets no manifest."""


class CostLimitError(TroupeError):
    """The next request could pass the recipe's cost limit; what is left counts as not attempted."""


class UnspeakableTextError(TroupeError):
    """A text that a voice cannot say as written, with the offending characters."""


class GrammarError(TroupeError):
    """The offline grammar is wrong; the message names file, key and remedy."""


class SongbookError(TroupeError):
    """A file of the songbook is wrong; the message names file, phrase and remedy."""
