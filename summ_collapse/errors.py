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
