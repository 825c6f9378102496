"""Small git repositories, and missions whose branches are bundles, as a runner makes them."""

import hashlib
import subprocess
from pathlib import Path

import msgspec

from hive_contracts.plan import ArtifactRef, Link
from hive_contracts.v1 import mission_pb2, plan_pb2

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def run_git(path: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, "-C", str(path), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_repository(path: Path) -> Path:
    path.mkdir(parents=True)
    run_git(path, "init", "-q", "-b", "main")
    run_git(path, "config", "user.name", "Test")
    run_git(path, "config", "user.email", "test@example.org")
    return path


def commit(path: Path, name: str, text: str) -> str:
    file = path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    run_git(path, "add", "--", name)
    run_git(path, "commit", "-q", "-m", f"change {name}")
    return head(path)


def head(path: Path) -> str:
    return run_git(path, "rev-parse", "HEAD")


class Branch:
    """A mission's merged work, commit by commit, in a clone of its own."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository = repository
        self.base = run_git(repository, "rev-parse", "HEAD")
        self.artifacts: dict[str, bytes] = {}
        self.tip = self.base
        self._chain = ""
        self._clone = folder
        subprocess.run(["git", "clone", "-q", str(repository), str(folder)], check=True)

    def add(self, name: str, text: str) -> None:
        new = commit(self._clone, name, text)
        bundle = self._clone / "step.bundle"
        run_git(self._clone, "branch", "-f", "step")
        run_git(self._clone, "bundle", "create", "-q", str(bundle), f"{self.tip}..step")
        content = bundle.read_bytes()
        ref = ArtifactRef(self._keep(content), len(content))
        link = Link(old=self.tip, new=new, bundle=ref, previous=self._chain)
        self._chain = self._keep(msgspec.json.encode(link))
        self.tip = new

    def taken(self, epoch: int = 2) -> mission_pb2.TaskView:
        """A task of it that starts at its tip, and that a person has."""
        tip = plan_pb2.Tip(commit=self.tip, chain=self._chain)
        taken = mission_pb2.TakenView(by="ann", epoch=epoch, tip=tip)
        return mission_pb2.TaskView(
            task_id="7" * 32, phase="main", name="work", status="taken", taken=taken
        )

    def leave(self, task: mission_pb2.TaskView, name: str, text: str) -> str:
        """Have its agent leave a commit on top of the tip."""
        run_git(self._clone, "checkout", "-q", "--detach", self.tip)
        left = commit(self._clone, name, text)
        run_git(self._clone, "branch", "-f", "left")
        bundle = self._clone / "left.bundle"
        run_git(self._clone, "bundle", "create", "-q", str(bundle), f"{self.tip}..left")
        content = bundle.read_bytes()
        bundle_ref = plan_pb2.ArtifactRef(digest=self._keep(content), size=len(content))
        task.taken.found.commit = left
        task.taken.found.bundle.CopyFrom(bundle_ref)
        return left

    def mission(self, name: str, status: str = "succeeded") -> mission_pb2.Mission:
        return mission_pb2.Mission(
            summary=mission_pb2.MissionSummary(name=name, status=status),
            repository=plan_pb2.Repository(url=str(self.repository), base=self.base, branch="main"),
            tip=plan_pb2.Tip(commit=self.tip, chain=self._chain),
        )

    def _keep(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.artifacts[digest] = content
        return digest
