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


class ArmFailed(Exception):
    """What an arm reads leaves nothing to make it from, and would again: its row says why, and the run goes on.

    A stage raises it for a failure that is a function of its inputs alone. It is published in the place of a result, so that
    nobody tries again; `rows` of its input are counted as rejected for that reason. In a launch of several ranks it is
    raised in all of them at one point of their work, or by the first alone once the others' parts are done. Where every
    arm needs the stage, the run ends with a StageError that says the same.
    """

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason, rows)  # both, so that it passes from one process to another
        self.reason = reason
        self.rows = rows

    def __str__(self) -> str:
        return self.reason


def first_line(error: BaseException) -> str:
    """The first line of what somebody else's exception says, to stand in a message of ours; its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
