"""Repositories as they are found: with submodules, large files, hooks, odd names, and cut short."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hive_contracts.plan import Repository
from hive_runner.errors import failed as failed_with
from hive_runner.repositories.git import Git
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    merge_of,
    merged,
    with_repository,
)

# --- submodules


@pytest.fixture
def inner(tmp_path: Path) -> Source:
    inner = Source(tmp_path / "their" / "inner")
    inner.commit({"lib.py": "lib = 1\n"})
    return inner


def add_submodule(source: Source, url: str, path: str = "vendor/lib") -> None:
    git(
        source.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-f",
        url, path,
    )  # fmt: skip
    source.commit({})


async def test_submodules_have_their_files_and_their_files_are_no_work(
    source: Source, inner: Source, workshop: Workshop
) -> None:
    innermost = Source(source.path.parent / "innermost")
    innermost.commit({"deep.txt": "deep\n"})
    add_submodule(inner, "../innermost", "in")
    add_submodule(source, str(inner.path))
    before = source.state()
    script = "cat vendor/lib/lib.py vendor/lib/in/deep.txt > seen; echo mine >> vendor/lib/lib.py"
    result = done(await workshop.perform(lease(source, run=script)))
    assert workshop.mirror_show(result.commit, "seen") == "lib = 1\ndeep"
    assert result.files == 1
    old, new = (
        workshop.mirrors_git("ls-tree", commit, "vendor/lib")
        for commit in (source.head, result.commit)
    )
    assert old == new
    assert old.startswith("160000")
    judged = await workshop.perform(lease(source, "gates", gates={"t": "cat vendor/lib/lib.py"}))
    assert judged.results[0].tail == "lib = 1\n"  # type: ignore[union-attr]
    assert source.state() == before


async def test_submodules_that_cannot_be_had_are_named_with_the_way_out(
    source: Source, inner: Source, workshop: Workshop
) -> None:
    add_submodule(source, str(inner.path))
    inner.path.rename(inner.path.with_name("moved"))
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert "submodule vendor/lib: there is no repository" in failed.detail
    assert "`submodules: false`" in failed.detail
    source.commit({".hive/repo.yaml": "submodules: false\n"})
    done(await workshop.perform(lease(source, run="ls vendor/lib > seen")))


async def test_an_attempt_cannot_make_the_runner_fetch_from_another_address(
    source: Source, inner: Source, workshop: Workshop
) -> None:
    secret = Source(source.path.parent / "secret")
    commit = secret.commit({"key": "secret"})
    add_submodule(source, str(inner.path))
    script = (
        f"sed -i 's#url = .*#url = {secret.path}#' .gitmodules;"
        f" git update-index --cacheinfo 160000,{commit},vendor/lib; git commit -qam mine"
    )
    worked = done(await workshop.perform(lease(source, run=script)))
    asked = lease(source, "gates", gates={"look": "cat vendor/lib/*"}, result=worked)
    failed = failure(await workshop.perform(asked))
    assert f"{inner.path} has no commit {commit}" in failed.detail


# --- large files


def add_large(source: Source, content: bytes = b"x" * 5000) -> str:
    """A file as Git LFS keeps it. Returns its content's digest."""
    oid = hashlib.sha256(content).hexdigest()
    stored = source.path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    stored.mkdir(parents=True, exist_ok=True)
    (stored / oid).write_bytes(content)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    source.commit({".gitattributes": "*.bin filter=lfs -text\n", "data/a.bin": pointer})
    return oid


STAND_IN = """#!/bin/sh
[ "$1" = fetch ] || exit 1
mkdir -p "$GIT_DIR/lfs" && cp -r "$(git config remote.$2.url)/.git/lfs/." "$GIT_DIR/lfs/"
"""
"""What `git lfs fetch` does with a repository of this machine."""


@pytest.fixture
def with_lfs(tmp_path: Path) -> Workshop:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git-lfs").write_text(STAND_IN)
    (programs / "git-lfs").chmod(0o755)
    return Workshop(tmp_path / "data", PERSON | {"PATH": f"{programs}:{os.environ['PATH']}"})


@pytest.mark.parametrize(
    "script",
    [
        "true",
        "git add -A && git commit -qm mine",
        "git commit -qam mine --allow-empty",
        "rm -rf $(git rev-parse --git-dir)/../own.git",
    ],
)
async def test_large_files_have_their_content_and_stay_pointers_in_what_is_committed(
    source: Source, with_lfs: Workshop, script: str
) -> None:
    add_large(source)
    run = f"wc -c < data/a.bin > size; git status --porcelain > status; {script}"
    result = done(await with_lfs.perform(lease(source, run=run)))
    files = with_lfs.files_of(result.commit)
    assert files["size"].strip() == "5000"
    assert files["status"].strip() == "?? size\n?? status"
    assert files["data/a.bin"].startswith("version https://git-lfs")
    gates = lease(source, "gates", gates={"a": "test $(wc -c < data/a.bin) = 5000"}, result=result)
    judged = await with_lfs.perform(gates)
    assert judged.results[0].passed  # type: ignore[union-attr]


async def test_large_files_that_nobody_has_are_named(source: Source, with_lfs: Workshop) -> None:
    oid = add_large(source)
    (source.path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).unlink()
    failed = failure(await with_lfs.perform(lease(source, run="true")))
    assert failed.kind == "infrastructure"
    assert "data/a.bin is not in the Git LFS of" in failed.detail
    source.commit({".hive/repo.yaml": "lfs: false\n"})
    result = done(await with_lfs.perform(lease(source, run="head -c 7 data/a.bin > seen")))
    assert with_lfs.files_of(result.commit)["seen"] == "version"


async def test_without_git_lfs_the_pointers_are_named(source: Source, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "touch"):
        (programs / name).symlink_to(str(shutil.which(name)))
    workshop = Workshop(tmp_path / "data", PERSON | {"PATH": str(programs)})
    add_large(source)
    result = done(await workshop.perform(lease(source, run="touch new")))
    said = workshop.artifact(result.setup).decode()
    assert "1 files are kept with Git LFS and are pointers here" in said
    assert "data/a.bin. Where the work needs one, install git-lfs" in said


# --- hooks, identity, cut histories


async def test_hooks_of_the_repository_and_of_the_person_do_not_run(
    source: Source, workshop: Workshop
) -> None:
    hooks = source.path / ".git" / "hooks"
    for name in ("pre-commit", "post-checkout", "commit-msg", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\nsleep 600\n")
        (hooks / name).chmod(0o755)
    source.commit_unhooked({".husky/pre-commit": "#!/bin/sh\nsleep 600\n"})
    script = (
        "git config core.hooksPath; chmod +x .husky/*; echo x > new; git add new;"
        " git commit -qm mine; git log -1 --format=%an > who"
    )
    result = done(await workshop.perform(lease(source, run=script)))
    assert workshop.files_of(result.commit)["who"] == "Agent Hive"


async def test_a_person_without_an_identity_needs_none(source: Source, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n[commit]\n\tgpgSign = true\n")
    workshop = Workshop(tmp_path / "data", PERSON | {"HOME": str(home)})
    script = "echo x > new; git add new; git commit -qm mine"
    work = done(await workshop.perform(lease(source, run=script)))
    merging = lease(source, "merge", merge=merge_of(work))
    assert merged(await workshop.perform(merging)).new.commit != source.head


async def test_a_shallow_repository_is_enough(source: Source, workshop: Workshop) -> None:
    for number in range(5):
        source.commit({"README": f"{number}\n"})
    shallow = source.path.parent / "shallow"
    git(source.path.parent, "clone", "-q", "--depth=2", f"file://{source.path}", str(shallow))
    repository = Repository(str(shallow), source.head, "main")
    asked = with_repository(lease(source, run="git log --oneline | wc -l > seen"), repository)
    work = done(await workshop.perform(asked))
    assert workshop.files_of(work.commit)["seen"].strip() == "2"
    merging = with_repository(lease(source, "merge", merge=merge_of(work)), repository)
    assert merged(await workshop.perform(merging)).old == source.head


async def test_a_sparse_checkout_of_the_persons_is_no_matter(
    source: Source, workshop: Workshop
) -> None:
    git(source.path, "update-index", "-q", "--refresh")  # its files were copied
    git(source.path, "sparse-checkout", "set", "other")
    assert not (source.path / "src").exists()
    before = source.state()
    result = done(await workshop.perform(lease(source, run="cat src/a.py > seen")))
    assert workshop.files_of(result.commit)["seen"] == "a = 1"
    assert source.state() == before


async def test_a_clone_that_lacks_files_is_named_with_the_way_out(
    source: Source, workshop: Workshop
) -> None:
    git(source.path, "config", "uploadpack.allowFilter", "true")
    partial = source.path.parent / "partial"
    git(
        source.path.parent, "clone", "-q", "--filter=blob:none", "--no-checkout",
        f"file://{source.path}", str(partial),
    )  # fmt: skip
    source.path.rename(source.path.with_name("gone"))
    moved = Source.__new__(Source)
    moved.path = source.path.with_name("gone")
    repository = Repository(str(partial), moved.head, "main")
    failed = failure(await workshop.perform(with_repository(lease(moved, run="true"), repository)))
    assert "is a partial clone" in failed.detail
    assert "git fetch --refetch" in failed.detail


async def test_a_repository_within_a_monorepo_folder_has_its_set_up_at_the_top(
    source: Source, workshop: Workshop
) -> None:
    source.commit(
        {
            ".hive/repo.yaml": "setup: {run: make -C packages/api deps, inputs: ['packages/**']}\n",
            "packages/api/Makefile": "deps:\n\tmkdir -p .deps && touch .deps/done\n",
            ".gitignore": ".deps/\n",
        }
    )
    result = done(await workshop.perform(lease(source, run="ls -A packages/api > seen")))
    assert ".deps" in workshop.files_of(result.commit)["seen"].split()


# --- names and sizes


async def test_names_that_are_not_utf8_survive_work_gates_and_a_conflict(
    source: Source, workshop: Workshop
) -> None:
    odd = os.fsencode(source.path) + b"/caf\xe9.txt"
    with open(odd, "wb") as file:  # noqa: ASYNC230, PTH123
        file.write(b"one\n")
    source.commit({"Readme": "a file whose name differs in case only\n"})
    run = 'for f in caf*.txt; do echo {} >> "$f"; mv "$f" "x$f"; done; echo {} > Readme'
    first = done(await workshop.perform(lease(source, run=run.format(1, 1), name="a")))
    second = done(await workshop.perform(lease(source, run=run.format(2, 2), name="b")))
    assert first.files == 2
    tip = merged(await workshop.perform(lease(source, "merge", merge=merge_of(first)))).new
    refused = failure(
        await workshop.perform(lease(source, "merge", merge=merge_of(second), tip=tip))
    )
    assert refused.kind == "conflict"
    assert "Readme" in refused.files
    names = workshop.mirror_git("-c", "core.quotePath=true", "ls-tree", "--name-only", first.commit)
    assert '"xcaf\\351.txt"' in names
    assert {"README", "Readme"} <= set(names.splitlines())


@pytest.mark.slow
async def test_a_huge_file_is_handed_in_whole(
    source: Source, workshop: Workshop, size: Callable[[int, int], int]
) -> None:
    megabytes = size(40, 700)
    result = done(await workshop.perform(lease(source, run=f"truncate -s {megabytes}M big")))
    found = workshop.mirror_git("cat-file", "-s", f"{result.commit}:big")
    assert int(found) == megabytes * 1024 * 1024


# --- credentials


async def test_the_persons_credential_helper_answers_and_nobody_is_asked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    asked = tmp_path / "asked"
    helper = f"!f() {{ echo $1 >> {asked}; echo username=ada; echo password=s3cret; }}; f"
    window = tmp_path / "window"
    (home / ".gitconfig").write_text(
        f'[credential]\n\thelper = "{helper}"\n[core]\n\taskPass = touch {window}; sleep 600\n'
    )
    ours = Git(tmp_path / "git", PERSON | {"HOME": str(home)})
    ours.prepare()
    said = await ours.run("credential", "fill", fetching=True, stdin=b"url=https://x.example/r\n\n")
    assert "password=s3cret" in said.text
    (home / ".gitconfig").write_text(f"[core]\n\taskPass = touch {window}; sleep 600\n")
    ours.prepare()
    said = await ours.run(
        "credential", "fill", fetching=True, statuses=(128,),
        stdin=b"url=https://x.example/r\n\n",
    )  # fmt: skip
    assert "terminal prompts disabled" in said.stderr
    assert not window.exists()


async def test_passwords_in_addresses_are_told_to_nobody(
    source: Source, workshop: Workshop
) -> None:
    url = "http://ada:s3cret@127.0.0.1:9/r.git"
    asked = with_repository(lease(source, run="true"), Repository(url, source.head, "main"))
    failed = failure(await workshop.perform(asked))
    assert "s3cret" not in f"{failed.detail} {failed.tail}"
    assert "http://***@127.0.0.1:9/r.git" in failed.detail
    assert "tok" not in str(failed_with("agent", "https://tok@x/ https://a:tok@y/").failure)
