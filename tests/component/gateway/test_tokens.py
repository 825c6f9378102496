"""Who may come in."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from hive_contracts.v1 import (
    event_pb2,
    github_pb2,
    log_pb2,
    mission_pb2,
    operations_pb2,
    runner_pb2,
)
from hive_gateway.people import People
from hive_gateway.refusals import Refusal
from hive_gateway.secret_files import resume_key, tokens_of
from hive_gateway.tokens import JUDGES, READS, Caller, Role, Tokens, admit, read_token
from hive_shared.people import Person, digest_of, written
from hive_shared.settings import GatewaySettings, SettingsError

TOKENS = Tokens({"admin": "a" * 32, "runner": "r" * 32})
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERVICES = [
    service
    for module in (event_pb2, github_pb2, log_pb2, mission_pb2, operations_pb2, runner_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
CHANGES = {
    "MissionService": "Launch LaunchMany Continue Cancel RecordLanding Discard Pause Resume"
    " RaiseBudget Retry Take Give",
    "OperationsService": "ReplayParked RebuildBus TellIncident OverridePolicy",
    "GithubService": "OpenPullRequest",
    "RunnerService": "Session PutArtifact AskReleases",
}
"""What is for an admin alone. A new method has to be put somewhere."""


def methods_of(service: ServiceDescriptor) -> set[str]:
    return {f"/{service.full_name}/{method.name}" for method in service.methods}


METHODS = sorted(set().union(*map(methods_of, SERVICES)))
ADMINS_ALONE = {f"/hive.v1.{name}/{m}" for name, all in CHANGES.items() for m in all.split()}


def person(name: str, role: str, **more: object) -> Person:
    return Person(name, role, digest_of(f"token-of-{name}"), NOW, **more)  # type: ignore[arg-type]


def bearer(name: str) -> str:
    return f"Bearer token-of-{name}"


def test_a_token_tells_the_role_and_always_the_same_actor() -> None:
    admin = TOKENS.caller("Bearer " + "a" * 32)
    assert (admin.role, TOKENS.caller("bearer  " + "a" * 32)) == ("admin", admin)
    assert TOKENS.caller("Bearer " + "r" * 32).role == "runner"
    other = Tokens({"admin": "b" * 32}).caller("Bearer " + "b" * 32)
    assert other.actor != admin.actor


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "a" * 32, "Bearer " + "a" * 31])
def test_what_is_no_token_is_turned_away(sent: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        TOKENS.caller(sent)
    assert caught.value.code == "unauthenticated"


@pytest.mark.parametrize(
    ("method", "allowed"),
    [
        ("/hive.v1.RunnerService/Session", True),
        ("/hive.v1.RunnerServiceX/Session", False),
        ("/hive.v1.MissionService/Launch", False),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", False),
    ],
)
def test_a_runner_may_use_its_own_service_alone(method: str, allowed: bool) -> None:
    admit(Caller("admin", "x"), method)
    if allowed:
        admit(Caller("runner", "x"), method)
        return
    with pytest.raises(Refusal) as caught:
        admit(Caller("runner", "x"), method)
    assert caught.value.code == "not-allowed"


def test_every_method_is_for_reading_for_judging_or_for_admins() -> None:
    assert set(METHODS) == READS | JUDGES | ADMINS_ALONE
    assert not READS & JUDGES
    assert not (READS | JUDGES) & ADMINS_ALONE


@pytest.mark.parametrize("method", [*METHODS, "/hive.v1.MissionService/NewOne"])
@pytest.mark.parametrize("role", ["admin", "approver", "viewer"])
def test_a_role_may_what_it_is_for(role: Role, method: str) -> None:
    judges = method in JUDGES and role == "approver"
    if role == "admin" or method in READS or judges:
        admit(Caller(role, "ann"), method)
        return
    with pytest.raises(Refusal) as caught:
        admit(Caller(role, "ann"), method)
    assert caught.value.code == "not-allowed"
    assert caught.value.message.startswith(f"ann is a{'n' if role == 'approver' else ''} {role}")
    assert "hive token create ann --role" in caught.value.remedy


def test_a_person_is_who_their_token_says() -> None:
    people = (person("ann", "approver"), person("vera", "viewer"))
    tokens = Tokens({"admin": "a" * 32}, lambda: people)
    assert tokens.caller(bearer("ann")) == Caller("approver", "ann")
    assert tokens.caller(bearer("vera")) == Caller("viewer", "vera")
    with pytest.raises(Refusal, match="not known"):
        tokens.caller(f"Bearer {digest_of('token-of-ann')}")


def test_only_those_judge_who_may_approve_and_still_have_a_token() -> None:
    people = [person("ann", "approver"), person("vera", "viewer")]
    tokens = Tokens({"admin": "a" * 32, "runner": "r" * 32}, lambda: tuple(people))
    admin = tokens.caller("Bearer " + "a" * 32).actor
    assert tokens.judges() == {"ann", "approver", "admin", admin}
    people[0] = person("ann", "approver", revoked_at=NOW)
    assert tokens.judges() == {"admin", admin}


def test_a_revoked_token_is_told_apart_from_one_that_never_was() -> None:
    tokens = Tokens({}, lambda: (person("ann", "approver", revoked_at=NOW),))
    with pytest.raises(Refusal) as caught:
        tokens.caller(bearer("ann"))
    assert caught.value.code == "revoked"
    assert "of ann was revoked on 2026-03-01" in caught.value.message
    assert "hive token create ann --role approver" in caught.value.remedy


def test_who_is_taken_out_of_the_file_is_out_at_the_next_call(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    people = People(path)
    tokens = Tokens({}, people.now)
    with pytest.raises(Refusal):
        tokens.caller(bearer("ann"))
    _replace(path, written([person("ann", "viewer")]))
    assert tokens.caller(bearer("ann")).actor == "ann"
    _replace(path, written([person("bob", "viewer")]))
    with pytest.raises(Refusal):
        tokens.caller(bearer("ann"))
    assert tokens.caller(bearer("bob")).actor == "bob"
    path.unlink()
    with pytest.raises(Refusal):
        tokens.caller(bearer("bob"))


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        pytest.param(b"{", 0o600, id="cut off"),
        pytest.param(b"", 0o600, id="empty"),
        pytest.param(written([person("ann", "owner")]), 0o600, id="a role that is none"),
        pytest.param(written([person("admin", "viewer")]), 0o600, id="called as a role"),
        pytest.param(written([person("ann", "viewer"), person("ann", "admin")]), 0o600, id="twice"),
        pytest.param(written([person("ann", "viewer")]), 0o666, id="others can write it"),
    ],
)
def test_a_file_that_cannot_be_believed_lets_no_person_in_and_says_why(
    tmp_path: Path, content: bytes, mode: int
) -> None:
    path = tmp_path / "people.json"
    people = People(path)
    tokens = Tokens({"admin": "a" * 32}, people.now, lambda: bool(people.problem))
    _replace(path, written([person("ann", "viewer")]))
    assert tokens.caller(bearer("ann")).actor == "ann"
    _replace(path, content, mode)
    with pytest.raises(Refusal, match="people's are not read"):
        tokens.caller(bearer("ann"))
    assert str(path) in people.problem
    assert tokens.caller("Bearer " + "a" * 32).role == "admin"
    _replace(path, written([person("ann", "viewer")]))
    assert (tokens.caller(bearer("ann")).actor, people.problem) == ("ann", "")


def _replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(mode)
    os.replace(new, path)


def _token(folder: Path, text: str, mode: int) -> Path:
    path = folder / "admin.token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    assert read_token(_token(tmp_path, "t" * 20 + "\n", 0o600)) == "t" * 20


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [("t" * 20, 0o644, "chmod 600"), ("", 0o600, "no token"), ("short", 0o600, "no token")],
)
def test_a_token_that_is_open_to_others_or_too_short_is_not_used(
    tmp_path: Path, text: str, mode: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read_token(_token(tmp_path, text, mode))


def test_a_missing_secret_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        tokens_of(GatewaySettings(data=tmp_path), People(tmp_path / "people.json"))
    assert caught.value.where == str(tmp_path / "secrets" / "admin.token")


def test_the_key_of_resume_tokens_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = GatewaySettings(data=tmp_path)
    key = resume_key(settings)
    assert (len(key), resume_key(settings)) == (32, key)
    assert settings.resume_key_path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.secrets.iterdir()] == ["resume.key"]
