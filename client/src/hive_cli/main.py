"""The `hive` command. Each verb is imported when it is called: help costs no gRPC."""

import importlib
import os
from typing import Final

import click

VERBS: Final = {
    "init": ("hive_cli.init", "Write .hive/repo.yaml for the repository you stand in."),
    "run": ("hive_cli.run", "Launch a mission and follow it to its end."),
    "watch": ("hive_cli.watch", "Follow a mission that goes on."),
    "up": ("hive_cli.stack", "Start the local hive, or show that it is up."),
    "down": ("hive_cli.stack", "Stop the local hive; its data is kept."),
    "status": ("hive_cli.stack", "Who is alive and ready, and what is wrong: once, or --watch."),
    "diff": ("hive_cli.land", "Show what a mission changed."),
    "land": ("hive_cli.land", "Bring a mission's branch into your checkout."),
    "discard": ("hive_cli.discard", "Say that what a mission made and nobody landed may go."),
    "pr": ("hive_cli.pr", "Push a mission's branch to GitHub and open its pull request."),
    "github": ("hive_cli.github", "GitHub: connect, doctor."),
    "tell": ("hive_cli.tell", "Give a hint to the next attempts of a task."),
    "take": ("hive_cli.take", "Take a task over from its agent, and go on by hand."),
    "give": ("hive_cli.give", "Give a task back that you took, with what you made."),
    "answer": ("hive_cli.answer", "Answer what an agent asks."),
    "output": ("hive_cli.output", "The file that a task was to make."),
    "retry": ("hive_cli.retry", "Launch a mission that has ended once more, or what failed."),
    "logs": ("hive_cli.logs", "What a task's commands print, as it was and as it comes."),
    "why": ("hive_cli.why", "What happened to a mission and why, and what to type next."),
    "pause": ("hive_cli.pause", "Begin nothing more of a mission."),
    "resume": ("hive_cli.pause", "Let a paused mission go on."),
    "budget": ("hive_cli.pause", "What a mission has used of its budget; raise it."),
    "cancel": ("hive_cli.mission", "Stop a mission."),
    "events": ("hive_cli.events", "Read or follow what the hive has recorded."),
    "parked": ("hive_cli.parked", "Effects that failed too often: list, show, replay."),
    "forecast": ("hive_cli.forecast", "When missions will be done, and with more runners."),
    "slo": ("hive_cli.slo", "Service level objectives: list, show, check, export."),
    "baselines": ("hive_cli.baselines", "What agents usually need, and where that changed."),
    "policy": (
        "hive_cli.policy",
        "What follows from used-up error budgets: check, show, override.",
    ),
    "incidents": ("hive_cli.incidents", "What went wrong: list, check."),
    "incident": ("hive_cli.incidents", "One incident: show, ack, mitigate, resolve, note."),
    "bus": ("hive_cli.bus", "The bus: status, rebuild."),
    "schema": ("hive_cli.schema", "JSON Schemas of the two files, for editors."),
    "token": ("hive_cli.token", "Tokens of people and what each may do: create, list, revoke."),
    "config": ("hive_cli.config", "Every setting, and where its value came from."),
    "gate": ("hive_cli.gate", "Gates: check that one can be red."),
    "mission": ("hive_cli.mission", "Missions: new, list, show, approve, reject, continue."),
    "validate": ("hive_cli.validate", "See whether a promise holds: uptime."),
    "bench": ("hive_cli.bench", "Measure a part of the hive on this machine."),
    "demo": ("hive_cli.demo", "See a mission survive the kill of its hive, in a minute."),
}
"""By name: the module that has the command, and what `hive --help` says about it."""


class Verbs(click.Group):
    """A group that knows its commands' names, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(VERBS[cmd_name][0])
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agent-hive", prog_name="hive")
def main() -> None:
    """Agent Hive: missions for fleets of coding agents, in isolated worktrees, with gates."""


# gRPC's own notes about lost connections are no messages for people.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

if __name__ == "__main__":
    main()
