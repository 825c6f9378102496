"""Who may come in."""

from pathlib import Path

import pytest

from hive_gateway.refusals import Refusal
from hive_gateway.secret_files import resume_key, tokens_of
from hive_gateway.tokens import Caller, Tokens, admit, read_token
from hive_shared.settings import GatewaySettings, SettingsError

TOKENS = Tokens({"admin": "a" * 32, "runner": "r" * 32})


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
        tokens_of(GatewaySettings(data=tmp_path))
    assert caught.value.where == str(tmp_path / "secrets" / "admin.token")


def test_the_key_of_resume_tokens_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = GatewaySettings(data=tmp_path)
    key = resume_key(settings)
    assert (len(key), resume_key(settings)) == (32, key)
    assert settings.resume_key_path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.secrets.iterdir()] == ["resume.key"]
