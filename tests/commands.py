"""The commands in this process, and the shape every mistake is told in."""

from click.testing import CliRunner, Result

from swsss import cli
from swsss.export.cli import export
from swsss.serve.cli import convert, label
from swsss.serve.server.cli import serve

COMMANDS = {
    "swsss-train": cli.train,
    "swsss-eval": cli.evaluate,
    "swsss-data": cli.data,
    "swsss-export": export,
    "swsss-label": label,
    "swsss-convert": convert,
    "swsss-serve": serve,
}


def invoke(command: str, *arguments: object) -> Result:
    """Run a command here: seconds faster than a process of its own, which would have to load torch first."""
    name, *words = command.split()
    return CliRunner().invoke(COMMANDS[name], [*words, *map(str, arguments)], terminal_width=200)


def message(result: Result) -> str:
    """What a mistake is told with: exit code 2, no traceback, one error."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    _, error, told = result.output.partition("error: ")
    assert error, result.output
    assert "error: " not in told
    return " ".join(told.split())
