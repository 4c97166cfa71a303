"""Options of a command that has many, in groups under headings of their own."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _GroupedOption(click.Option):
    def __init__(self, *names: Any, group: str, **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help lists the options declared with `grouped` by group, in the order they were declared."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group under its heading, and last the options that are in none."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is not None:
                groups.setdefault(option.group if isinstance(option, _GroupedOption) else "Options", []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def grouped(group: str, *names: str, **attributes: Any) -> Callable[[F], F]:
    """`click.option`, listed under the heading `group` in the help of a `GroupedCommand`."""
    return click.option(*names, cls=_GroupedOption, group=group, **attributes)
