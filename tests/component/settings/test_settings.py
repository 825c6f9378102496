"""Defaults, then files, then variables; and no key that nobody knows."""

import json
from pathlib import Path

import pytest

from hive_shared.settings import (
    ClientSettings,
    GatewaySettings,
    OrchestratorSettings,
    Profile,
    RunnerSettings,
    SettingsError,
    Sources,
    explain,
    load,
    nats_url,
    postgres_url,
    to_env,
)
from hive_shared.settings.sources import ALL, hints_of, meaning_of


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    home, cwd = tmp_path / "home", tmp_path / "work"
    (home / ".config/agent-hive").mkdir(parents=True)
    cwd.mkdir()
    return home, cwd


def sources(places: tuple[Path, Path], **env: str) -> Sources:
    return Sources(env=env, home=places[0], cwd=places[1])


def user_file(places: tuple[Path, Path]) -> Path:
    return places[0] / ".config/agent-hive/hive.toml"


def local_file(places: tuple[Path, Path]) -> Path:
    return places[1] / "hive.toml"


def test_the_later_source_wins(places: tuple[Path, Path]) -> None:
    assert load(RunnerSettings, sources(places)).runner_slots == 4
    user_file(places).write_text("runner_slots = 5\n")
    assert load(RunnerSettings, sources(places)).runner_slots == 5
    local_file(places).write_text("runner_slots = 6\n")
    assert load(RunnerSettings, sources(places)).runner_slots == 6
    assert load(RunnerSettings, sources(places, HIVE_RUNNER_SLOTS="7")).runner_slots == 7


def test_a_table_is_a_prefix(places: tuple[Path, Path]) -> None:
    local_file(places).write_text('[runner]\nslots = 2\nlabels = ["gpu"]\n')
    settings = load(RunnerSettings, sources(places))
    assert (settings.runner_slots, settings.runner_labels) == (2, ["gpu"])


def test_profiles_are_a_table_each(places: tuple[Path, Path]) -> None:
    local_file(places).write_text('[profiles.fixer]\ncommand = ["fix", "--all"]\n')
    settings = load(GatewaySettings, sources(places))
    assert settings.profiles == {"fixer": Profile(command=("fix", "--all"))}


@pytest.mark.parametrize(
    ("text", "wrong", "nearest"),
    [
        ("runner_slot = 2", "runner_slot", "runner_slots"),
        ("[runner]\nslotz = 2", "runner_slotz", "runner_slots"),
        ('postgress_url = "x"', "postgress_url", "postgres_url"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one_and_the_file(
    places: tuple[Path, Path], text: str, wrong: str, nearest: str
) -> None:
    local_file(places).write_text(text)
    with pytest.raises(SettingsError) as raised:
        load(OrchestratorSettings, sources(places))
    assert wrong in raised.value.message
    assert raised.value.where == str(local_file(places))
    assert nearest in raised.value.remedy


def test_an_unknown_variable_is_an_error_too(places: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="did you mean HIVE_RUNNER_SLOTS") as raised:
        load(RunnerSettings, sources(places, HIVE_RUNNER_SLOTZ="2"))
    assert raised.value.where == "HIVE_RUNNER_SLOTZ"


def test_what_a_runner_tells_its_agents_is_no_setting(places: tuple[Path, Path]) -> None:
    env = {"HIVE_MISSION": "m", "HIVE_PROMPT_FILE": "/p", "HIVE_TEST_SEED": "1"}
    assert load(ClientSettings, sources(places, **env)).port == 8000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HIVE_RUNNER_SLOTS", "many"),
        ("HIVE_RUNNER_SLOTS", "0"),
        ("HIVE_BEAT", "-1"),
        ("HIVE_PROFILES", "{"),
        ("HIVE_PROFILES", '{"a": {"comand": []}}'),
        ("HIVE_LOG_LEVEL", "loud"),
    ],
)
def test_a_value_out_of_range_names_its_variable(
    places: tuple[Path, Path], key: str, value: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(RunnerSettings, sources(places, **{key: value}))
    assert raised.value.where == key


@pytest.mark.parametrize("size", ["0", "0GiB", "-1", "-5GiB", "lots", "1.5.GiB", "50", "99MiB"])
def test_a_runner_s_disk_that_is_none_names_its_variable_and_what_to_write(
    places: tuple[Path, Path], size: str
) -> None:
    with pytest.raises(SettingsError, match="as 50GiB, at least 100MiB") as raised:
        load(RunnerSettings, sources(places, HIVE_RUNNER_DISK=size))
    assert raised.value.where == "HIVE_RUNNER_DISK"
    assert "runner_disk" in raised.value.message


@pytest.mark.parametrize("size", ["100MiB", "50GiB", "1.5T", None])
def test_a_runner_s_disk_survives_the_environment(
    places: tuple[Path, Path], size: str | None
) -> None:
    told = RunnerSettings(runner_disk=size)
    assert load(RunnerSettings, sources(places, **to_env(told))).runner_disk == size


def test_a_runner_has_no_budget_of_its_disk_unless_told(places: tuple[Path, Path]) -> None:
    assert load(RunnerSettings, sources(places)).runner_disk is None
    local_file(places).write_text('[runner]\ndisk = "1GiB"\n')
    assert load(RunnerSettings, sources(places)).runner_disk == "1GiB"
    local_file(places).write_text('[runner]\ndisk = "1MiB"\n')
    with pytest.raises(SettingsError, match="1MiB is too little") as raised:
        load(RunnerSettings, sources(places))
    assert raised.value.where == str(local_file(places))


def test_a_number_in_quotes_is_refused_in_a_file(places: tuple[Path, Path]) -> None:
    local_file(places).write_text('runner_slots = "6"')
    with pytest.raises(SettingsError, match="Expected `int`"):
        load(RunnerSettings, sources(places))


def test_a_file_that_is_no_toml_names_the_place(places: tuple[Path, Path]) -> None:
    local_file(places).write_text("runner_slots = \n")
    with pytest.raises(SettingsError, match="line 1") as raised:
        load(RunnerSettings, sources(places))
    assert raised.value.where == str(local_file(places))


def test_a_relative_path_starts_at_its_file(places: tuple[Path, Path]) -> None:
    user_file(places).write_text('token_file = "t"')
    assert load(RunnerSettings, sources(places)).token_path == user_file(places).parent / "t"


def test_every_value_is_explained_and_passwords_are_masked(places: tuple[Path, Path]) -> None:
    local_file(places).write_text("session_ttl = 2.0")
    url = "postgresql://hive:s3cret@db:5432/hive"
    said = explain(OrchestratorSettings, sources(places, HIVE_POSTGRES_URL=url))
    by_name = {value.name: value for value in said}
    assert by_name["session_ttl"].source == str(local_file(places))
    assert by_name["postgres_url"].source == "HIVE_POSTGRES_URL"
    assert json.loads(by_name["postgres_url"].value) == "postgresql://hive:***@db:5432/hive"
    assert by_name["scheduler_fence"].source == "default"
    assert set(by_name) == set(OrchestratorSettings.__struct_fields__)
    assert "s3cret" not in repr(said)


def test_settings_survive_the_environment(places: tuple[Path, Path], tmp_path: Path) -> None:
    told = GatewaySettings(
        data=tmp_path,
        gateway_names=["hive.example.org", "hive"],
        admin_token_file=tmp_path / "token",
        beat=0.5,
        profiles={"fixer": Profile(command=("fix", "a,b"), pass_env=("HOME",))},
    )
    assert load(GatewaySettings, sources(places, **to_env(told))) == told


def test_a_password_comes_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    settings = OrchestratorSettings(
        postgres_url="postgresql://hive_orchestrator@db:5432/hive",
        postgres_password_file=secret,
        nats_url="nats://u:p@bus:4222",
    )
    assert postgres_url(settings) == "postgresql://hive_orchestrator:p%40ss%2Fword@db:5432/hive"
    assert nats_url(settings) == "nats://u:p@bus:4222"


def test_a_missing_url_is_named() -> None:
    with pytest.raises(SettingsError, match="postgres_url is not set"):
        postgres_url(OrchestratorSettings())


def test_the_same_name_means_the_same_in_every_process() -> None:
    meanings: dict[str, set[str]] = {}
    for process in ALL:
        for name, hint in hints_of(process).items():
            meanings.setdefault(name, set()).add(meaning_of(hint))
    assert [name for name, said in meanings.items() if len(said) > 1 or "" in said] == []
