"""Plans by chance, with all that plans can hold."""

import random
from typing import Any, Literal

from msgspec.structs import replace

from hive_contracts.budget import Budget
from hive_contracts.plan import (
    ApprovalGate,
    Commanded,
    CommandGate,
    ForEach,
    Globbed,
    Item,
    Listed,
    Phase,
    Plan,
    Repository,
    Retry,
    TaskSpec,
)


def random_plan(chance: random.Random, number: int) -> Plan:
    """A plan of one to three phases, with all that plans can hold."""
    with_repository = chance.random() < 0.8
    phases = tuple(_random_phase(chance, index) for index in range(chance.randint(1, 3)))
    criteria: list[CommandGate | ApprovalGate] = []
    if with_repository and chance.random() < 0.6:
        compare: Literal["", "base"] = chance.choice(["", "base"])
        criteria.append(CommandGate("tests", "make test", compare=compare))
    if chance.random() < 0.3:
        criteria.append(ApprovalGate("good", "Is it good?"))
    return Plan(
        name=f"m{number}",
        phases=phases,
        repository=Repository("/repo", "a" * 40) if with_repository else None,
        prerequisites=(f"m{number - 1}",) if number and chance.random() < 0.4 else (),
        approvals=(ApprovalGate("start", "Shall it start?"),) if chance.random() < 0.2 else (),
        criteria=tuple(criteria),
        budget=_random_budget(chance),
    )


def _random_budget(chance: random.Random) -> Budget | None:
    if chance.random() < 0.6:
        return None
    return chance.choice([
        Budget(tokens=chance.randint(100, 2_000), warn=0.8),
        Budget(usd=chance.choice([1, 10]), wall=chance.choice([0, 60]), warn=0.5),
        Budget(wall=chance.randint(5, 600), warn=0.8),
    ])  # fmt: skip


def _random_phase(chance: random.Random, index: int) -> Phase:
    needs = tuple(f"p{i}" for i in range(index) if chance.random() < 0.5)
    gates = tuple(
        gate
        for gate in (CommandGate("lint", "lint"), ApprovalGate("ok", "ok?"))
        if chance.random() < 0.25
    )
    retry = Retry(attempts=chance.randint(1, 4))
    exclusive = chance.random() < 0.3
    agent = chance.choice(["", "bot"])
    work: dict[str, Any] = (
        {"prompt": "do ${item}", "agent": agent} if agent else {"run": "do ${item}"}
    )
    if chance.random() < 0.4:
        items = tuple(Item(f"item {n}") for n in range(chance.randint(1, 5)))
        sources: list[Listed | Globbed | Commanded] = [
            Listed(items),
            Globbed(("src/*/",)),
            Commanded("./list"),
        ]
        paths = chance.choice([(), ("${item}/**",), ("shared/**",)])
        template = TaskSpec(
            "each", gates=gates, retry=retry, paths=paths, exclusive=exclusive, **work
        )
        each = ForEach(chance.choice(sources), template, min=0)
        canary = chance.choice([0, 0, 1, 2])
        return _set_up(chance, Phase(f"p{index}", needs, for_each=each, canary=canary))
    work = {key: value.replace("${item}", "it") for key, value in work.items()}
    specs = tuple(
        TaskSpec(
            f"t{n}",
            needs=(f"t{n - 1}",) if n and chance.random() < 0.4 else (),
            gates=gates,
            retry=retry,
            paths=chance.choice([(), (), (f"lib{n % 2}/**",), ("lib0/x", "docs")]),
            exclusive=exclusive,
            on_failure=chance.choice(["", "", "", "stop", "continue"]),
            **work,
        )
        for n in range(chance.randint(1, 4))
    )
    return _set_up(chance, Phase(f"p{index}", needs, tasks=specs))


def _set_up(chance: random.Random, phase: Phase) -> Phase:
    """Now and then it goes on without what failed, or it reviews what it needs."""
    if chance.random() < 0.4:
        phase = replace(phase, on_failure="continue")
    if not phase.needs or chance.random() < 0.5 or phase.for_each is not None:
        return phase
    reviews = tuple(replace(spec, review=True) for spec in phase.tasks)
    to, rounds = chance.choice(phase.needs), chance.randint(1, 2)
    return replace(phase, tasks=reviews, sends_back_to=to, rounds=rounds)
