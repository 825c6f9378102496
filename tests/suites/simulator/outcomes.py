"""What a runner that is made up says of a step."""

import hashlib
import random

from msgspec.structs import replace

from hive_contracts.dialogue import Question
from hive_contracts.orders import Lease
from hive_contracts.outcome import (
    Asked,
    Baseline,
    GateResult,
    GatesRun,
    ItemsListed,
    MergeDone,
    Outcome,
    WorkDone,
)
from hive_contracts.plan import (
    ArtifactRef,
    CommandGate,
    Item,
    Tip,
)


def done(lease: Lease, chance: random.Random, trouble_free: bool) -> Outcome:
    task = lease.task
    match lease.step:
        case "work":
            wrong = task.spec.review and not trouble_free and chance.random() < 0.5
            defects = "it is wrong" if wrong else ""
            if lease.start is not None and lease.start.finished:
                return WorkDone(lease.start.commit, lease.start.bundle)
            if not trouble_free and chance.random() < 0.15:
                made = WorkDone()
                if task.repository is not None and chance.random() < 0.7:
                    half = commit_of("half", task.task_id, lease.epoch)
                    made = WorkDone(half, ArtifactRef("a" * 64, 1))
                return Asked(Question("Which?"), made)
            if task.repository is None or chance.random() < 0.1:
                return WorkDone(no_change="nothing to do", defects=defects)
            commit = commit_of("work", task.task_id, lease.epoch)
            done = WorkDone(commit, ArtifactRef("b" * 64, 1), defects=defects)
            if chance.random() < 0.1:
                done = replace(done, protected=(".github/ci.yml",), protected_files=1)
            return done
        case "gates":
            green = trouble_free or chance.random() < 0.7
            known = {baseline.gate: baseline for baseline in task.baselines}
            results = [
                _judged(gate, green, known.get(gate.definition), chance)
                for gate in task.spec.gates
                if isinstance(gate, CommandGate)
            ]
            return GatesRun(lease.result.commit if lease.result else "", tuple(results))
        case "merge":
            assert task.tip is not None and task.merge is not None
            new = commit_of("merge", task.tip.commit, task.merge.commit)
            return MergeDone(task.tip.commit, Tip(new, "c" * 64))
        case "expand":
            return ItemsListed(tuple(Item(f"found {n}") for n in range(chance.randint(0, 4))))


def _judged(
    gate: CommandGate, green: bool, known: Baseline | None, chance: random.Random
) -> GateResult:
    if not gate.compare:
        return GateResult(gate.name, green)
    flaky = (f"test {chance.randint(1, 9)}",) if chance.random() < 0.2 else ()
    baseline = known or Baseline(gate.definition, chance.randint(0, 1))
    return GateResult(gate.name, green, flaky=flaky, baseline=baseline)


def commit_of(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
