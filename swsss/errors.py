"""Mistakes of the user, told in sentences. Commands print them and exit with code 2; a traceback is our own bug."""

from collections.abc import Sequence


class UserError(Exception):
    """Something in the user's command, files or settings is wrong; the message says what, where and what to do."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The user asked to stop; the state is saved, and the message says how to go on."""


class Unfinished(Exception):  # noqa: N818 - as above
    """Work that had begun cannot go on; what is done is kept, and the message says why and how to go on."""


class InputError(UserError):
    """Everything that is wrong with a set of inputs, found in one pass and told in one list.

    Args:
        problems: One sentence each, naming file, line or field where there is one.
    """

    shown = 20

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - self.shown
        lines = [f"  - {problem}" for problem in self.problems[: self.shown]]
        if more > 0:
            lines.append(f"  ... and {more} more")
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} in the inputs; nothing was started:", *lines]))
