"""The native program: where it is built, and how it is started."""

import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("SWSSS_CPP_BUILD") or Path(__file__).parent.parent / "build" / "cpp" / "release")


def tool(name: str) -> Path:
    """A program of the build; the test is skipped where there is none."""
    found = [path for path in (BUILD / name, BUILD / "app" / name, BUILD / "examples" / name) if path.is_file()]
    if not found:
        pytest.skip(f"{name} is not built; make cpp builds it")
    return found[0]


def run(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    words = [str(tool(name)), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, errors="surrogateescape", check=False, **options)
