"""Every mission that the pages show, run to its end on a repository that fits them.

Their agents are a stand-in that does what those prompts ask for, under the names of the real ones.
What they name elsewhere is here: GitHub is the test GitHub, URLs lead to a server of the test, and
a person agrees to whatever is asked.
"""

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, TypeVar

import pytest
from click.testing import Result

from hive_contracts.v1 import mission_pb2
from hive_github.testing import GitHub, Repository
from hive_github.testing.model import Label
from hive_stack.ports import free_port
from tests.component.client.repositories import make_repository, run_git
from tests.component.docs.pages import PAGES, ROOT, blocks, name_of
from tests.system.cli.conftest import Command
from tests.system.hive import RealHive, open_folder, running

MISSIONS: Final = [
    pytest.param(text, id=f"{name_of(page)} {number}")
    for page in PAGES
    for number, (note, text) in enumerate(blocks(page, "yaml"))
    if note == "mission"
]
AGENT: Final = r"""#!/bin/sh
asked=$(cat)
case $asked in
*"Move "*" from Query to select()"*)
  item=$(printf '%s' "$asked" | sed -n 's/.*Move \([^ ]*\) from Query.*/\1/p' | head -n 1)
  sed -i s/Query/select/ "$item"/*.py ;;
*"Plan it as "*) echo "first this, then that" > plan.md ;;
*"Accept, or list defects."*)
  grep -q thread-safe libs/limiter.txt || echo "it is not thread-safe" > "$HIVE_DEFECTS_FILE" ;;
*"it is not thread-safe"*) echo thread-safe >> libs/limiter.txt ;;
*)
  mkdir -p made; echo "$HIVE_ATTEMPT" > "made/$HIVE_PHASE-$HIVE_TASK"
  if test "$HIVE_PHASE" = build; then echo limiter > libs/limiter.txt; fi ;;
esac
echo '{"type": "result", "is_error": false, "result": "Done.", "session_id": "s", \
"usage": {"input_tokens": 1000, "cache_creation_input_tokens": 0, \
"cache_read_input_tokens": 0, "output_tokens": 50}, "total_cost_usd": 0.01}'
"""
PYTEST: Final = """#!/bin/sh
for place; do
  case $place in -*) ;; *) test -e "$place" || exit 4 ;; esac
done
"""
SCRIPTS: Final = {
    "tools/notes": 'echo "$@"',
    "migrate": 'echo "$@" > migrated.txt',
    "deploy": 'echo "$@" > deployed.txt',
    "check-notes": "test -e tests",
}
FILES: Final = {
    ".hive/repo.yaml": "gates: {tests: pytest -q, lint: ruff check .}\nagent: claude\n",
    "libs/README": "libraries\n",
    "notes/README": "notes\n",
    **{f"src/{name}/a.py": "Query  =  1\n" for name in ("billing", "search", "vendor")},
    **{f"tests/{name}/test_a.py": "" for name in ("api", "billing", "search", "vendor")},
}
LANDED: Final = {
    "regions": ("notes/eu.md", "notes/us.md"),
    "services": ("made/port-billing", "made/port-search"),
    "limiter": ("libs/limiter.txt",),
    "move-the-schema": ("migrated.txt",),
    "rollout": ("deployed.txt",),
}
"""By mission, what is there afterwards; of every other one something has changed."""
ELSEWHERE: Final = ("https://example.org", "https://staging.example.org", "http://prometheus:9090")
WAITS: Final = 3
T = TypeVar("T")


class Elsewhere(BaseHTTPRequestHandler):
    """Whatever the pages name on the network."""

    told: Final[list[dict[str, object]]] = []

    def do_GET(self) -> None:
        sample = {"metric": {}, "value": [1, "0"]}
        found = {"status": "success", "data": {"resultType": "vector", "result": [sample]}}
        self._answer(json.dumps(found) if "query" in self.path else "healthy")

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer("")

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.organization("acme")
        yield server


@pytest.fixture(scope="module")
def module_hive(request: pytest.FixtureRequest, github: GitHub) -> Iterator[RealHive]:
    profiles = {name: {"login": {"needed": False}} for name in ("claude", "codex")}
    port, secret = free_port(), "x" * 20
    with open_folder("pages", request.session) as folder:
        for name, text in (("claude", AGENT), ("codex", AGENT), ("pytest", PYTEST)):
            program(folder / "bin" / name, text)
        path = f"{folder}/bin:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        app = github.app(webhook_url=f"http://127.0.0.1:{port}/webhooks", webhook_secret=secret)
        github.install(app, "acme")
        (folder / "key").write_text(github.private_key(app))
        (folder / "secret").write_text(secret)
        hive = RealHive(
            folder, HIVE_PROFILES=json.dumps(profiles), PATH=path, HIVE_GITHUB_URL=github.url,
            HIVE_GITHUB_WEBHOOK_PORT=str(port), HIVE_GITHUB_SETTLE_SECONDS="0",
            HIVE_GITHUB_APP_ID=str(app.id), HIVE_GITHUB_APP_KEY_FILE=str(folder / "key"),
            HIVE_GITHUB_WEBHOOK_SECRET_FILE=str(folder / "secret"),
        )  # fmt: skip
        with running(hive):
            yield hive


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def on_github(github: GitHub, request: pytest.FixtureRequest) -> Repository:
    name = re.sub(r"\W+", "-", request.node.callspec.id).strip("-")
    people = {"ada": "write"}
    shop = github.repository(f"acme/{name}", files={"README.md": "hi\n"}, collaborators=people)
    label = Label(id=1, created_at=shop.created_at, name="hive", description="by agents")
    shop.labels[label.name] = label
    return shop


@pytest.fixture
def repository(github: GitHub, on_github: Repository, tmp_path: Path) -> Path:
    """Fits all missions of the pages; its origin is on GitHub."""
    path = make_repository(tmp_path / "app")
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    [services] = [text for _, text in blocks(ROOT / "docs/mission-file.md", "json")]
    for name, text in {**SCRIPTS, "tools/list-services": f"cat <<'E'\n{services}E"}.items():
        program(path / name, f"#!/bin/sh\n{text}\n")
    url = github.clone_url(on_github, github.personal_token("boss"))
    run_git(path, "remote", "add", "origin", url)
    run_git(path, "fetch", "-q", "origin")
    run_git(path, "reset", "-q", "--soft", "origin/main")
    run_git(path, "checkout", "-q", "origin/main", "--", "README.md")
    run_git(path, "add", "--all")
    run_git(path, "commit", "-q", "-m", "what the pages tell of")
    run_git(path, "push", "-q", "origin", "HEAD:main")
    return path


@pytest.mark.full("a whole mission for each example; that each is a plan is tried in every run")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("text", MISSIONS)
def test_a_mission_of_the_pages_comes_to_its_end(
    text: str,
    hive: Command,
    module_hive: RealHive,
    github: GitHub,
    on_github: Repository,
    repository: Path,
    elsewhere: str,
    tmp_path: Path,
) -> None:
    for url in ELSEWHERE:
        text = text.replace(url, elsewhere)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "upgrade.md").write_text("Upgrade the client.\n")
    mission = tmp_path / "mission.yaml"
    mission.write_text(text)
    if "- metrics" in text:
        (tmp_path / "metrics.yaml").write_text("mission: metrics\nrun: echo 1 > metrics.txt\n")
        assert hive("run", str(tmp_path / "metrics.yaml"), "--repo", str(repository)).exit_code == 0

    def run() -> Result:
        return hive("run", str(mission), "--repo", str(repository), "--no-wait")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        if "github_check" in text:
            head = eventually(lambda: [p.pull.head_sha for p in on_github.pulls if p.pull])[0]
            ci = github.app("CI")
            github.check_run(on_github, head, "ci/required", ci, conclusion="success")
        ran = running.result()
    name = re.search(r"launched (\S+)", ran.output)
    assert name is not None, ran.output
    while ran.exit_code == WAITS:
        asked = set(re.findall(r"hive (mission approve \S+ --gate \S+)", ran.output))
        assert asked, ran.output
        for line in sorted(asked):
            said = hive(*line.split())
            assert said.exit_code == 0, said.output
        ran = hive("watch", name[1], "--no-wait")
    assert ran.exit_code == 0, f"{ran.output}\n{hive('logs', name[1]).output}"
    view = view_of(module_hive, name[1])
    work = [task for task in view.tasks if task.kind == "work"]
    assert work
    assert {task.status for task in work} == {"succeeded"}
    if "merge: when_green" in text:
        eventually(lambda: len(merged_of(on_github)) == len(work))
        return
    landed = hive("land", name[1], "--repo", str(repository))
    assert landed.exit_code == 0, landed.output
    series = view.summary.name.rpartition("-")[0]
    for path in LANDED.get(series, ()):
        assert (repository / path).exists(), landed.output
    assert run_git(repository, "diff", "--name-only", view.repository.base, "HEAD")
    if "result: pull_request" in text or "result: {pull_request" in text:
        eventually(lambda: len(on_github.pulls) == 1)
    if "notify:" in text:
        eventually(lambda: [each for each in Elsewhere.told if each["event"] == "succeeded"])


def merged_of(shop: Repository) -> list[str]:
    return [pull.title for pull in shop.pulls if pull.pull and pull.pull.merged_at]


def view_of(hive: RealHive, mission: str) -> mission_pb2.Mission:
    async def get() -> mission_pb2.Mission:
        async with hive.client() as client:
            return await client.get(mission)

    return asyncio.run(get())


def eventually(look: Callable[[], T], seconds: float = 90) -> T:
    by = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < by
        time.sleep(0.1)
    return found
