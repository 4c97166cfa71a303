"""What goes wrong by the user's doing or the machine's, as objects: a code, a field and a sentence.

Commands print the sentence and exit with code 2; a traceback is our own bug.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SwsssError(Exception):
    """Everything that a user is told.

    Args:
        message: What is wrong, where and what to do.
        code: A short name of the kind of mistake, for programs; the class has a default.
        field: The parameter it is about, "" when it is about none or not known.
    """

    code = "error"

    def __init__(self, message: str, *, code: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message, self.field = message, field
        self.code = code or type(self).code

    def __str__(self) -> str:
        return self.message


class UserError(SwsssError):
    """Something in the user's command, files or settings is wrong; the message says what, where and what to do."""

    code = "invalid-input"


class Interrupted(SwsssError):  # noqa: N818 - it is no error
    """The user asked to stop; the state is saved, and the message says how to go on."""

    code = "interrupted"


class Unfinished(SwsssError):  # noqa: N818 - as above
    """Work that had begun cannot go on; what is done is kept, and the message says why; the front end, how to go on."""

    code = "unfinished"


class InputError(UserError):
    """Everything that is wrong with a set of inputs, found in one pass and told in one list.

    Args:
        problems: One sentence each, naming file, line or field where there is one.
    """

    code = "invalid-inputs"
    shown = 20

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        more = len(self.problems) - self.shown
        lines = [f"  - {problem}" for problem in self.problems[: self.shown]]
        if more > 0:
            lines.append(f"  ... and {more} more")
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} in the inputs; nothing was started:", *lines]))


@contextmanager
def concerning(field: str, code: str = "") -> Iterator[None]:
    """Say of mistakes in this block which parameter they are about, and of what kind they are, unless they know better.

    Args:
        field: The parameter.
        code: The kind; "" leaves it as it is.
    """
    try:
        yield
    except UserError as error:
        if not error.field:
            error.field = field
            if code and error.code == UserError.code:
                error.code = code
        raise
