"""What every function of `import swsss` does: check its parameters, and tell mistakes in the words of Python."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from swsss.errors import InputError, SwsssError, UserError
from swsss.extras import needs_extra
from swsss.progress import ProgressCallback, observed

_VALUES = "all|skip|cpu|cuda|tensorrt|torch|int8|fp16|fp32|none|given|both"
# A command that is quoted is left as it is, with the options behind it.
_OPTION = re.compile(rf"swsss-[a-z]+[^.;,]*|(?<![^\s(])--(?P<name>[a-z][a-z-]*)(?:[ =](?P<value>{_VALUES})\b)?")
_NAMES = {"format": "formats", "set": "settings", "train": "train_split"}


@contextmanager
def python_call(name: str, progress: ProgressCallback | None = None) -> Iterator[None]:
    """A call of `swsss.NAME`: prints nothing, tells `progress`, and what it raises names parameters, not options.

    Raises:
        MissingExtraError: A package is missing that only an extra brings.
    """
    try:
        with observed(progress), needs_extra(f"swsss.{name}"):
            yield
    except SwsssError as error:
        error.message = in_python(error.message)
        if isinstance(error, InputError):
            error.problems = [in_python(problem) for problem in error.problems]
        raise


def in_python(message: str) -> str:
    """A message whose options are written as parameters: `untagged="all"` for `--untagged all`."""

    def reworded(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0]
        name = _NAMES.get(found["name"], found["name"].replace("-", "_"))
        return f'{name}="{found["value"]}"' if found["value"] else name

    return _OPTION.sub(reworded, message)


def check_choice(field: str, value: str, choices: Iterable[str], code: str = "invalid-value") -> None:
    """See that a parameter has one of its values.

    Raises:
        UserError: It has not.
    """
    known = list(choices)
    if value not in known:
        raise UserError(f"{field} is {value!r}; it can be {', '.join(map(repr, known))}.", code=code, field=field)


def check_range(field: str, value: float, low: float, high: float = float("inf")) -> None:
    """See that a parameter is in its range, both ends included.

    Raises:
        UserError: It is not, or is no number.
    """
    if not low <= value <= high:
        bounds = f"{low:g} or more" if high == float("inf") else f"from {low:g} to {high:g}"
        raise UserError(f"{field} is {value}; it must be {bounds}.", code="invalid-value", field=field)
