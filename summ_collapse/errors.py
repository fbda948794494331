"""What can go wrong, by exit code.

Raised where the trouble is understood; only the command line turns these into a message and an exit code.
"""


class InputError(Exception):
    """The recipe, the data or the arguments are wrong (exit code 2).

    The message is one line for the user: the file, the key or row, what was expected and what came.
    """


class StageError(Exception):
    """A stage could not be finished although its input was accepted (exit code 1)."""


class Stopped(Exception):
    """The work was asked to stop and did, at a point where nothing is lost (exit code 130)."""


def first_line(error: BaseException) -> str:
    """The first line of what somebody else's exception says, to stand in a message of ours; its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
