"""`python -m hive_github.testing`, as a person starts it."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest

from hive_github.testing.__main__ import main


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """What it holds is in `folder`, and goes with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hive_github.testing", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line or '"github"' in line:
                break
        yield process, said
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()
    assert list(folder.iterdir()) == []


def test_it_shows_where_it_is_serves_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    key, folder = tmp_path / "app.pem", tmp_path / "github"
    folder.mkdir()
    with started(
        folder, "--repository", "acme/shop", "--person", "ada", "--key", str(key), "--webhooks",
        "http://127.0.0.1:1/hooks",
    ) as (process, said):  # fmt: skip
        url = re.search(r"REST +(\S+)", said)
        token = re.search(r"ada's token: (\S+)", said)
        assert url and token
        answer = httpx.get(
            f"{url[1]}/repos/acme/shop", headers={"Authorization": f"Bearer {token[1]}"},
            trust_env=False,
        )  # fmt: skip
        assert answer.json()["permissions"]["push"] is True
        assert "installed on acme: installation 5000" in said
        assert key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert process.stdout is not None
        shown = ""
        while "/repos/acme/shop" not in shown:
            shown += process.stdout.readline()
        assert "200 GET /repos/acme/shop · user" in shown
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_for_programs_it_says_the_same_in_json_and_keeps_to_other_limits(tmp_path: Path) -> None:
    folder = tmp_path / "github"
    folder.mkdir()
    with started(
        folder, "--json", "--repository", "acme/shop", "--key", str(tmp_path / "app.pem"),
        "--webhooks", "http://127.0.0.1:1/hooks", "--limit", "core=1",
    ) as (process, said):  # fmt: skip
        there = json.loads(said)["github"]
        assert there["installations"] == {"acme": 5000}
        assert there["app"].keys() == {"id", "client_id", "webhook_secret"}
        headers = {"Authorization": f"Bearer {there['token']}"}
        with httpx.Client(base_url=there["rest"], headers=headers, trust_env=False) as client:
            statuses = [client.get("/repos/acme/shop").status_code for _ in range(2)]
        assert statuses == [200, 403]
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout)  # deliveries may come between
        requests = (each["request"] for each in lines if "request" in each)
        told = list(islice(requests, 2))
        assert [each["status"] for each in told] == statuses
        assert {each["path"] for each in told} == {"/repos/acme/shop"}
        assert all(each["caller"].startswith("user ") for each in told)


@pytest.mark.parametrize("limit", ["core", "core=", "core=many", "unheard_of=1"])
def test_a_limit_that_is_none_is_an_error(
    limit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hive_github.testing", "--limit", limit])
    assert main() == 2
    assert capsys.readouterr().err.startswith(f"--limit {limit}: say NAME=NUMBER")


def test_a_repository_without_its_owner_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hive_github.testing", "--repository", "shop"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "--repository shop: say OWNER/NAME\n"
