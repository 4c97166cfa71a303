"""README and docs/ do what they say: Python runs, shell parses, commands have the options that are named."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from commands import COMMANDS
from labelling import make_photos, picture, save
from markdown_it import MarkdownIt

from swsss.config import load_config
from swsss.serve.cli import convert

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = COMMANDS | {"swsss-convert": convert}
OURS = re.compile(r"(?:^|[\s(/`])(swsss-[a-z]+)(?=[\s`]|$)")
OPTION = re.compile(r"--[a-z][a-z-]*")
SHELL = ("sh", "bash", "console")


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield token.info.strip(), token.content


def code(page: Path) -> Iterator[str]:
    """Every line of a block, continued lines as one, and every piece of code in the text."""
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield from token.content.replace("\\\n", " ").splitlines()
        for child in token.children or []:
            if child.type == "code_inline":
                yield child.content


def words(line: str) -> list[str]:
    """The first command of a line, without what follows it in a shell."""
    try:
        split = shlex.split(line, comments=True)
    except ValueError:  # prose with an apostrophe
        split = line.split()
    ends = [place for place, word in enumerate(split) if word in {"|", "&&", ";", ">", "#"}]
    return split[: min(ends, default=len(split))]


def options_of(command: click.Command) -> set[str]:
    found = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return found | {"--help", "--version"}


def native_options() -> set[str]:
    return set(OPTION.findall((ROOT / "cpp" / "app" / "options.cpp").read_text(encoding="utf-8"))) | {"--help"}


def known(name: str, rest: list[str]) -> set[str]:
    """The options that a command of ours takes."""
    if name == "swsss-run":
        return native_options()
    command = ALL[name]
    if isinstance(command, click.Group):
        if not rest or rest[0].startswith("-"):
            return options_of(command) | {option for one in command.commands.values() for option in options_of(one)}
        assert rest[0].rstrip(",") in command.commands, f"{name} has no {rest[0]}"
        command = command.commands[rest[0].rstrip(",")]
    return options_of(command)


def test_pages__are_found():
    assert {page.name for page in PAGES} >= {"README.md", "install.md", "model-file.md", "settings.md", "server.md"}
    assert sum(1 for page in PAGES for line in code(page) if OURS.search(line)) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages__commands_and_options_exist(page):
    everywhere = native_options().union(*(known(name, []) for name in ALL))
    for file in (ROOT / "benchmarks").glob("*.py"):
        everywhere |= set(OPTION.findall(file.read_text(encoding="utf-8")))
    for line in code(page):
        match = OURS.search(line)
        if match:
            name, *rest = words(line[match.start(1) :])
            assert name == "swsss-run" or name in ALL, f"{page.name}: {line}"
            given = {word.partition("=")[0] for word in rest if OPTION.match(word)}
            assert given <= known(name, rest), f"{page.name}: {line}"
        elif line.startswith("--"):
            assert OPTION.match(line)[0] in everywhere, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages__targets_and_scripts_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in code(page):
        name, *rest = words(line) or [""]
        if name == "make":
            assert {word for word in rest if re.fullmatch("[a-z]+", word)} <= targets, f"{page.name}: {line}"
        if name == "python" and rest and rest[0].startswith("benchmarks/"):
            options = set(OPTION.findall((ROOT / rest[0]).read_text(encoding="utf-8")))
            assert {word for word in rest if OPTION.fullmatch(word)} <= options, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages__shell_parses(page):
    for language, text in fences(page):
        if language in SHELL:
            ended = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, f"{page.name}: {ended.stderr}\n{text}"


def tables(page: Path) -> Iterator[list[list[str]]]:
    """The rows of each table, its head first, each cell with the marks of code removed."""
    for block in re.findall(r"(?:^\|.*\n)+", page.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in block.splitlines()]
        yield [head, *rows]


def flat(settings: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings by their dotted names, without those that are absent."""
    found: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[prefix + name] = value
    return found


def test_settings__are_all_listed_with_the_values_of_small():
    listed: dict[str, object] = {}
    for (_, *columns, _), *rows in tables(ROOT / "docs" / "settings.md"):
        for name, *values, _ in rows:
            for column, value in zip(columns, values, strict=True):
                listed[name if column == "small" else f"{column}.{name}"] = json.loads(value)
    assert listed == flat(load_config("small").model_dump(mode="json"))


def test_server__options_are_listed_with_their_defaults():
    defaults = {name: option.default for option in ALL["swsss-serve"].params for name in option.opts}
    listed = [row for head, *rows in tables(ROOT / "docs" / "server.md") if head[0] == "option" for row in rows]
    for option, text, _ in listed:
        if number := re.match(r"[0-9 ]+", text):
            assert float(number[0].replace(" ", "")) == defaults[option], option
    assert len(listed) > 10


WITH_PYTHON = [page for page in PAGES if any(language == "python" for language, _ in fences(page))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_pages__python_runs(page, model_file, tmp_path, monkeypatch, data, tiny):
    """The blocks of a page, one after the other, in a folder with what they need.

    A model, a photo, `images/` with `tags.csv`, a dataset directory, and settings for a run of seconds.
    """
    make_photos(tmp_path, 3)
    save(tmp_path / "photo.jpg", picture(0))
    shutil.copy(model_file, tmp_path / "model.onnx")
    shutil.copytree(data, tmp_path / "data")
    shutil.copy(tiny, tmp_path / "settings.toml")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page.stem}
    for language, text in fences(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), names)  # noqa: S102 - our own pages
