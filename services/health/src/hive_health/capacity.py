"""What is recorded of the number of runners that are wanted. Pure."""

from hive_contracts.capacity import AgentRunners, RunnersWanted, WantRunners

Wish = RunnersWanted | None
"""The last one; None where none was ever recorded."""
INITIAL: Wish = None


def decide(state: Wish, command: WantRunners) -> list[RunnersWanted]:
    """Nothing, where as many are wanted as before, whatever else has changed."""
    if state is not None and (state.runners, state.agents) == (command.runners, command.agents):
        return []
    return [
        RunnersWanted(
            command.pool, command.runners, command.agents, command.waiting, command.working
        )
    ]


def evolve(state: Wish, event: RunnersWanted) -> Wish:
    return event


def of_agents(counts: dict[str, int]) -> tuple[AgentRunners, ...]:
    return tuple(AgentRunners(agent, runners) for agent, runners in sorted(counts.items()))
