"""Baselines of agents, changes of them, and what is held to be the cause."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from hive_health.baselines.attempts import Attempt
from hive_health.baselines.regressions import baselines, changes

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def attempt(n: int, **fields: object) -> Attempt:
    usual = Attempt(
        BEGAN + timedelta(minutes=n), "fix", "main", "claude", "sonnet", "p1", "g1", "/code/app",
        "1.0", "succeeded", 60.0, 0.5, 1000,
    )  # fmt: skip
    return msgspec.structs.replace(usual, **fields)


def spread(chance: random.Random, about: float) -> float:
    return about * chance.uniform(0.8, 1.25)


def history(count: int = 40) -> list[Attempt]:
    chance = random.Random(1)
    return [attempt(n, seconds=spread(chance, 60)) for n in range(count)]


def slower(first: int = 40, count: int = 20, **fields: object) -> list[Attempt]:
    chance = random.Random(2)
    return [attempt(first + n, seconds=spread(chance, 180), **fields) for n in range(count)]


def test_a_prompt_that_made_it_slower_is_named() -> None:
    [change] = changes([*history(), *slower(prompt="p2")])
    assert (change.metric, change.worse) == ("seconds", True)
    assert (change.attempts_before, change.attempts_after) == (40, 20)
    assert 50 < change.before < 70
    assert 150 < change.after < 210
    [cause] = change.causes
    assert (cause.what, cause.before, cause.after) == ("prompt", "p1", "p2")
    assert cause.at == BEGAN + timedelta(minutes=40)


def test_the_nearest_of_several_causes_comes_first_and_a_far_one_is_none() -> None:
    past = [
        msgspec.structs.replace(each, model="opus" if n < 20 else "sonnet", gates="g0")
        if n < 38
        else each
        for n, each in enumerate(history())
    ]
    [change] = changes([*past, *slower(version="1.1")])
    assert [cause.what for cause in change.causes] == ["version", "gates"]


def test_other_settings_of_the_profile_are_named_and_unknown_ones_are_none() -> None:
    known = [msgspec.structs.replace(each, settings="s1") for each in history()]
    [change] = changes([*known, *slower(settings="s2")])
    [cause] = change.causes
    assert (cause.what, cause.before, cause.after) == ("settings", "s1", "s2")
    assert change.preceded_by is not None
    assert change.preceded_by.kind == "settings"
    [change] = changes([*history(), *slower(settings="s2")])
    assert change.causes == (), "what an older runner ran nobody knows"


def test_without_anything_that_was_changed_there_is_a_change_and_no_cause() -> None:
    [change] = changes([*history(), *slower()])
    assert change.causes == ()


def test_success_that_falls_is_worse_and_success_that_rises_is_not() -> None:
    rates = [("succeeded" if n % 12 else "gate") for n in range(60)]
    rates += [("succeeded" if n % 2 else "gate") for n in range(30)]
    found = {
        reverse: changes(
            attempt(n, outcome=outcome)
            for n, outcome in enumerate(reversed(rates) if reverse else rates)
        )
        for reverse in (False, True)
    }
    assert [(each.metric, each.worse) for each in found[False]] == [("success", True)]
    assert [(each.metric, each.worse) for each in found[True]] == [("success", False)]
    assert found[False][0].before > 0.9 > 0.6 > found[False][0].after


def test_a_change_that_is_too_small_for_people_is_none() -> None:
    past = [attempt(n, seconds=60 + n % 2) for n in range(60)]
    assert changes([*past, *(attempt(60 + n, seconds=66 + n % 2) for n in range(60))]) == []


def test_work_of_another_kind_is_not_compared() -> None:
    others = [
        attempt(n, **{field: "other"})
        for n in range(40, 60)
        for field in ("mission", "phase", "profile", "repository")
    ]
    assert changes([*history(), *(msgspec.structs.replace(o, seconds=600.0) for o in others)]) == []


def test_waiting_is_compared_over_all_missions_and_only_where_people_wait_longer() -> None:
    chance = random.Random(3)

    def waits(about: float, first: int) -> list[Attempt]:
        # Too few of each mission to say anything of it.
        return [
            attempt(
                first + n,
                mission=f"m{n % 10}",
                repository=f"/code/{n % 3}",
                prompt=f"p{n % 10}",
                model=f"model-{n % 2}",
                waited=about * chance.uniform(0.8, 1.25),
            )
            for n in range(30)
        ]

    [change] = changes([*waits(20, 0), *waits(90, 30)])
    assert (change.metric, change.worse, change.profile) == ("waiting", True, "claude")
    assert (change.repository, change.mission, change.phase) == ("", "", "")
    assert (change.attempts_before, change.attempts_after) == (30, 30)
    assert change.causes == (), "each mission has its own prompt: that is no change of any"
    assert changes([*waits(0.2, 0), *waits(0.9, 30)]) == []
    [baseline] = baselines([attempt(n, waited=float(n)) for n in range(1, 11)])
    assert baseline.waited_p50 == 5
    [unknown] = baselines([attempt(1)])
    assert unknown.waited_p50 is None


def test_what_agents_do_not_tell_is_left_out() -> None:
    untold = [attempt(n, usd=None, tokens=None, seconds=None) for n in range(40)]
    assert changes(untold) == []
    [baseline] = baselines(untold)
    assert (baseline.attempts, baseline.succeeded) == (40, 40)
    assert (baseline.usd_mean, baseline.tokens_mean, baseline.seconds_p50) == (None, None, None)


def test_baselines_are_told_by_work_model_and_prompt_the_last_used_first() -> None:
    attempts = [
        *(attempt(n, seconds=float(n + 1), usd=1.0 if n < 5 else None) for n in range(20)),
        attempt(30, model="opus", outcome="gate"),
        attempt(40, prompt="p2"),
    ]
    found = baselines(attempts)
    assert [(each.model, each.prompt) for each in found] == [
        ("sonnet", "p2"), ("opus", "p1"), ("sonnet", "p1"),
    ]  # fmt: skip
    usual = found[2]
    assert (usual.seconds_p50, usual.seconds_p95) == (10, 19)
    assert usual.usd_mean == 1.0
    assert found[1].succeeded == 0


def test_only_the_newest_attempts_of_a_series_are_looked_at() -> None:
    assert changes([*history(), *slower(count=200)]) == []
