"""`hive github connect` as a person does it: a scripted browser at the test GitHub's pages."""

import html
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hive_github.credentials import AppCredentials, configured
from hive_github.doctor import EVENTS, PERMISSIONS, Doctor
from hive_github.look import Looks
from hive_github.records import Records
from hive_github.testing import GitHub
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.settings import GithubSettings
from tests.suites.on_github import calling, new_id

WEBHOOKS = "http://127.0.0.1:9/webhooks"


class Connecting:
    """The command as a process of its own, and the browser that it opens."""

    def __init__(self, server: GitHub, folder: Path, *options: str) -> None:
        self._server = server
        passed = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
        environment = passed | {
            "BROWSER": "true",
            "HOME": str(folder),
            "HIVE_DATA": str(folder / "data"),
            "HIVE_GITHUB_URL": server.url,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "hive_cli.main", "github", "connect", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment,
        )  # fmt: skip
        self._browser = httpx.Client(trust_env=False, timeout=30)

    def page(self) -> tuple[str, dict[str, str]]:
        """Where the form of its page leads, and what it sends."""
        assert self._process.stdout is not None
        said = ""
        for said in self._process.stdout:
            if found := re.search(r"follow it: (\S+)", said):
                break
        else:
            raise AssertionError(f"it opens no page: {said} {self._process.communicate()}")
        self.own = found[1]
        shown = self._browser.get(self.own).text
        action = re.search(r'action="([^"]+)"', shown)
        manifest = re.search(r'name=manifest value="([^"]+)"', shown)
        assert action
        assert manifest
        return html.unescape(action[1]), {"manifest": html.unescape(manifest[1])}

    def confirm(self, action: str, form: dict[str, str]) -> str:
        """As GitHub's button does; where the browser is sent back to."""
        sent = self._browser.post(action, data=form)
        assert sent.status_code == 302, sent.text
        return sent.headers["location"]

    def install(self, page: str, account: str) -> None:
        sent = self._browser.post(page, data={"account": account})
        assert sent.status_code in (200, 302), sent.text

    def get(self, url: str) -> httpx.Response:
        return self._browser.get(url)

    def ended(self) -> tuple[int, str, str]:
        """Its exit status, what it said since, and its complaints."""
        said, complained = self._process.communicate(timeout=60)
        return self._process.returncode, said, complained

    def close(self) -> None:
        self._browser.close()
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def server() -> Iterator[GitHub]:
    with GitHub() as server:
        server.repository("acme/shop", files={"a": "1\n"})
        yield server


class Machine:
    """One with a hive, on which people connect it."""

    def __init__(self, server: GitHub, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._connecting: list[Connecting] = []
        self.secrets = folder / "data" / "secrets"
        self.secrets.mkdir(parents=True, mode=0o700)

    def connect(self, *options: str) -> Connecting:
        made = Connecting(self._server, self._folder, *options)
        self._connecting.append(made)
        return made

    def kept(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.secrets.iterdir()}

    def settings(self) -> GithubSettings:
        return GithubSettings(
            data=self._folder / "data", postgres_url="", github_url=self._server.url
        )

    def close(self) -> None:
        for each in self._connecting:
            each.close()


@pytest.fixture
def machine(server: GitHub, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(server, tmp_path)
    yield made
    made.close()


async def test_from_the_command_to_an_installed_app_that_the_doctor_finds_well(
    server: GitHub, machine: Machine
) -> None:
    connecting = machine.connect("--organization", "acme", "--webhook-url", WEBHOOKS)
    action, form = connecting.page()
    assert f"{server.url}/organizations/acme/settings/apps/new?state=" in action
    manifest = json.loads(form["manifest"])
    assert manifest["default_permissions"] == PERMISSIONS
    assert set(manifest["default_events"]) == EVENTS
    assert "The App is made" in connecting.get(connecting.confirm(action, form)).text
    status, said, _ = connecting.ended()
    assert status == 0
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in machine.secrets.iterdir()} == {
        "github-app.id": 0o600, "github-app.pem": 0o600, "github-webhook.secret": 0o600,
    }  # fmt: skip
    found = re.search(r"install it on your repositories: (\S+)", said)
    assert found
    connecting.install(found[1], "acme")
    told = configured(machine.settings())
    assert isinstance(told.credentials, AppCredentials)
    async with calling(server, told.credentials) as github:
        looks = Looks(github, Records(MemoryEventStore(SystemClock()), new_id))
        doctor = Doctor(github, looks, SystemClock(), told.webhook_secret)
        findings = {each.what: each for each in (await doctor.examine("acme/shop", "x")).findings}
    assert findings.keys() == {
        "the App's key is taken", "the App's permissions", "the App's events", "installed on acme",
        "webhooks reach us", "acme/shop",
    }  # fmt: skip
    well = [what for what, each in findings.items() if each.ok]
    assert {*findings} - {*well} <= {"webhooks reach us"}, findings


def test_a_page_of_somebody_elses_cannot_give_the_hive_another_app(
    server: GitHub, machine: Machine
) -> None:
    connecting = machine.connect()
    action, form = connecting.page()
    back = connecting.confirm(action, form)
    foreign = re.sub(r"state=[^&]+", "state=guessed", back)
    for url in (foreign, f"{connecting.own}/made?code=theirs", f"{connecting.own}/else"):
        assert connecting.get(url).status_code == 404
    assert machine.kept() == {}
    assert connecting.get(back).status_code == 200
    assert connecting.ended()[0] == 0
    [app] = server.world.apps.values()
    assert machine.kept()["github-app.id"] == f"{app.id}\n"


def test_where_github_does_not_give_the_key_nothing_is_kept(
    server: GitHub, machine: Machine
) -> None:
    server.fail("unavailable", path="/app-manifests/*")
    connecting = machine.connect()
    connecting.get(connecting.confirm(*connecting.page()))
    status, _, complained = connecting.ended()
    assert status != 0
    assert "GitHub does not give the App's key: HTTPError 503" in complained
    assert "try again" in complained
    assert machine.kept() == {}


def test_an_app_that_is_connected_is_replaced_only_when_told_to(
    server: GitHub, machine: Machine
) -> None:
    first = machine.connect()
    first.get(first.confirm(*first.page()))
    assert first.ended()[0] == 0
    before = machine.kept()
    status, _, complained = machine.connect().ended()
    assert status != 0
    assert "an App is connected already" in complained
    assert "--again" in complained
    assert machine.kept() == before
    again = machine.connect("--again")
    again.get(again.confirm(*again.page()))
    assert again.ended()[0] == 0
    assert machine.kept()["github-app.id"] != before["github-app.id"]
    assert machine.kept()["github-app.pem"] != before["github-app.pem"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--webhook-url", "hive.example.org"], "'hive.example.org' is no URL")],
)
def test_what_cannot_be_a_webhooks_url_is_refused(
    machine: Machine, options: list[str], complaint: str
) -> None:
    status, _, complained = machine.connect(*options).ended()
    assert status != 0
    assert complaint in complained
