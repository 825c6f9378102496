"""The digest of a profile's settings: of what it runs and may do, and of no secret."""

import pytest
from msgspec.structs import replace

from hive_shared.profiles import Login, Profile, Server, Showing, settings_of

USUAL = Profile(
    ("agent", "--print"),
    permissions={"edit": "allow", "execute": "deny"},
    set_env={"TOKEN": "a", "LEVEL": "b"},
    mcp={"docs": Server("serve-docs")},
)


@pytest.mark.parametrize(
    "other",
    [
        replace(USUAL, command=("agent", "--quiet")),
        replace(USUAL, args=("--model", "large")),
        replace(USUAL, permissions={"edit": "allow", "execute": "allow"}),
        replace(USUAL, permissions={}),
        replace(USUAL, usual=("--yes",)),
        replace(USUAL, template="Do {task}."),
        replace(USUAL, mcp={}),
        replace(USUAL, pass_env=("HTTP_PROXY",)),
        replace(USUAL, set_env={"TOKEN": "a"}),
        replace(USUAL, home=(".agent",)),
    ],
)
def test_what_it_runs_and_may_do_makes_it_another(other: Profile) -> None:
    assert settings_of(other) != settings_of(USUAL)


@pytest.mark.parametrize(
    "same",
    [
        replace(USUAL, set_env={"LEVEL": "d", "TOKEN": "c"}),
        replace(USUAL, permissions={"execute": "deny", "edit": "allow"}),
        replace(USUAL, install="npm install agent"),
        replace(USUAL, login=Login(keys=("AGENT_KEY",))),
        replace(USUAL, shows=(Showing("{text}"),)),
        replace(USUAL, limit_wait=5),
    ],
)
def test_values_of_variables_and_how_it_is_read_or_installed_do_not(same: Profile) -> None:
    assert settings_of(same) == settings_of(USUAL)
    assert len(settings_of(same)) == 8
