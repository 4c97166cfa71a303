"""What tables about images share: finding the image a row names, and telling everything wrong with the rows at once."""

import posixpath
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from swsss.errors import InputError


class RowProblems:
    """Distinct mistakes with the first line of each; a mistake on a million lines is still one sentence."""

    kept = 1000

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, tuple[int, int]] = {}
        self.left_out = 0

    def add(self, line: int, text: str) -> None:
        """Note that `text` (a sentence without file and line) is wrong with `line`."""
        if text in self.lines:
            first, more = self.lines[text]
            self.lines[text] = (first, more + 1)
        elif len(self.lines) < self.kept:
            self.lines[text] = (line, 0)
        else:
            self.left_out += 1

    def raise_any(self) -> None:
        """Raise all of it as one `InputError`, in the order of lines, if there is any."""
        sentences = []
        for text, (line, more) in sorted(self.lines.items(), key=lambda item: item[1][0]):
            also = f" (and {more} more line{'s' if more > 1 else ''})" if more else ""
            sentences.append(f"{self.path}, line {line}{also}: {text}")
        if self.left_out:
            sentences.append(f"{self.path}: {self.left_out} more lines are wrong.")
        if sentences:
            raise InputError(sentences)


class ImageNames:
    """Finds the image a row means: by path, with or without extension, with slashes or backslashes.

    Args:
        images: Relative paths of the images there are.
        strict: Whether a row of an image that is not there is a mistake.
    """

    def __init__(self, images: Sequence[str], *, strict: bool = True) -> None:
        self.strict = strict
        self.exact = dict(zip(images, images, strict=True))

    @cached_property
    def by_stem(self) -> dict[str, str]:
        """The first image of each path without extension; made when a row leaves one out, for it takes seconds."""
        found: dict[str, str] = {}
        for image in self.exact:
            found.setdefault(image.rpartition(".")[0], image)
        return found

    @cached_property
    def ambiguous(self) -> dict[str, list[str]]:
        """All images of each path without extension that more than one has."""
        found: dict[str, list[str]] = {}
        if len(self.by_stem) < len(self.exact):
            for image in self.exact:
                stem = image.rpartition(".")[0]
                if self.by_stem[stem] != image:
                    found.setdefault(stem, [self.by_stem[stem]]).append(image)
        return found

    @cached_property
    def by_name(self) -> dict[str, str]:
        """One image by its bare file name in lower case."""
        return {_bare(image): image for image in reversed(self.exact)}

    def find(self, written: str) -> str | None:
        """Return the image, or None when there is none or more than one."""
        if written in self.exact:
            return self.exact[written]
        name = written if written in self.by_stem else _tidied(written)
        image = self.exact.get(name) or self.by_stem.get(name)
        return None if name in self.ambiguous and name != image else image

    def why_not(self, written: str) -> str:
        """Say what is wrong with a name that `find` did not find, and what to write instead."""
        name = _tidied(written)
        if not name:
            return "the image name is empty; write its path below the image folder."
        if name.startswith("/") or re.match("[A-Za-z]:", name):
            return f"'{written}' is an absolute path; write it relative to the image folder."
        if name.split("/")[0] == "..":
            return f"'{written}' leaves the image folder; write a path below it."
        if name in self.ambiguous:
            return f"'{written}' could be {' or '.join(self.ambiguous[name])}; write the extension."
        # Only looked for by file name: comparing spellings over a million images would take minutes.
        similar = self.by_name.get(_bare(name))
        hint = f"did you mean '{similar}'?" if similar else "names are relative to the image folder."
        return f"there is no image '{written}'; {hint}"


def _tidied(written: str) -> str:
    name = written.strip().replace("\\", "/")
    return posixpath.normpath(name) if name else ""


def _bare(image: str) -> str:
    return posixpath.splitext(posixpath.basename(image))[0].lower()
