"""Errors as people, or with --json programs, get them: what, where, and what to do."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec

import click

from hive_cli.exits import Exit

P = ParamSpec("P")


class Problem(Exception):
    """A command cannot go on, for a reason that its user can act on."""

    def __init__(self, message: str, *, code: str, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.remedy = remedy


def verb(function: Callable[P, int | None]) -> Callable[P, None]:
    """A command: gets --json, answers its exit status, and shows what its user can act on.

    Whatever else is raised is a mistake of ours, and keeps its traceback.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        as_json = bool(options.get("as_json"))
        try:
            status = function(*arguments, **options)
        except KeyboardInterrupt:
            sys.exit(Exit.DETACHED)
        except Exception as error:
            problem = as_problem(error)
            if problem is None:
                raise
            fail(problem, as_json=as_json)
        sys.exit(status or Exit.SUCCESS)

    option = click.option("--json", "as_json", is_flag=True, help="For programs: JSON lines.")
    return option(run)


def as_problem(error: Exception) -> Problem | None:
    """The same error in one form; None where it says nothing to a user.

    The packages below have error types of their own. They are told by what they carry, because
    importing them all would cost every command the time of the slowest.
    """
    if isinstance(error, Problem):
        return error
    parts: list[Any] = [getattr(error, name, None) for name in ("message", "where", "remedy")]
    if not all(isinstance(part, str) for part in parts):
        return None
    message, where, remedy = parts
    code = getattr(error, "code", "invalid")
    return Problem(message, code=str(code), where=where, remedy=remedy)


def fail(problem: Problem, *, as_json: bool) -> NoReturn:
    """Show the problem on stderr, and exit: nothing was started."""
    if as_json:
        body = {
            "code": problem.code,
            "message": problem.message,
            "where": problem.where,
            "remedy": problem.remedy,
        }
        print(json.dumps({"error": body}), file=sys.stderr)
        print(json.dumps({"result": "refused", "exit": int(Exit.REFUSED)}))
    else:
        place = f"{problem.where}: " if problem.where else ""
        click.secho(f"✗ {place}{problem.message}", fg="red", err=True)
        if problem.remedy:
            click.echo(f"  {problem.remedy}", err=True)
    sys.exit(Exit.REFUSED)
