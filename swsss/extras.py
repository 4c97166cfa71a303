"""What a lean install leaves out: the extra that brings a module which is missing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec

from swsss.errors import UserError

_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+).*\bextra\s*==\s*["'](?P<extra>[\w-]+)["']""")


class MissingExtraError(UserError):
    """Something needs a package that only an extra of swsss brings; the message names the extra.

    Args:
        who: What needs it, as the subject of a sentence.
        module: The module that is missing.
        extra: The extra that brings it.
    """

    code = "missing-extra"

    def __init__(self, who: str, module: str, extra: str) -> None:
        super().__init__(f"{who} needs {module}: pip install 'swsss[{extra}]'.")
        self.who, self.module, self.extra = who, module, extra


@contextmanager
def needs_extra(who: str, preferred: str = "") -> Iterator[None]:
    """Name the extra when an import inside the block finds a package of one missing.

    Args:
        who: What needs it, as the subject of a sentence.
        preferred: The extra to name where several bring the package.

    Raises:
        MissingExtraError: A module is missing that an extra brings.
        ModuleNotFoundError: Another one is: the install is broken, or we are.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        bring = {extra: modules for extra, modules in modules_of_extras().items() if module in modules}
        if not bring:
            raise
        extra = preferred if preferred in bring else next(iter(bring))
        # The first one of an extra is what it is mainly about, and tells a user more than whichever was met first.
        missing = next(filter(_is_missing, bring[extra]), module)
        raise MissingExtraError(who, missing, extra) from None


def modules_of_extras() -> dict[str, list[str]]:
    """Top-level modules that each extra of the installed swsss brings, in the order of its metadata.

    Each of these packages has the name of its module, up to `-` and `_`.
    """
    modules: dict[str, list[str]] = {}
    for line in metadata.requires("swsss") or []:
        match = _REQUIREMENT.match(line)
        if match and match["name"] != "swsss":  # extras made of others
            modules.setdefault(match["extra"], []).append(match["name"].replace("-", "_"))
    return modules


def _is_missing(module: str) -> bool:
    try:
        return find_spec(module) is None
    except (ImportError, ValueError):  # what finders of others may raise
        return True
