"""What can be done to git. The tree's own git directory is theirs: the result does not trust it."""

from typing import Final

from tests.suites.cheats.cheat import Cheat

_GIT: Final = "G=$(git rev-parse --absolute-git-dir); "
_DONE: Final = {"src/retry.py": "y = 2"}
_WORK: Final = "echo y = 2 > src/retry.py; "

CHEATS: Final = (
    Cheat(
        "has hooks that change what is committed",
        f"{_GIT}{_WORK}mkdir -p $G/hooks;"
        " printf '#!/bin/sh\\ntouch hooked; git add hooked' > $G/hooks/pre-commit;"
        " chmod +x $G/hooks/*; cp $G/hooks/pre-commit $G/hooks/post-checkout",
        files=_DONE,
        never=("hooked",),
    ),
    Cheat(
        "has a filter for the runner to run on its files",
        f"{_GIT}{_WORK}git config filter.x.clean 'sh -c \"echo filtered\"';"
        " mkdir -p $G/info; echo '* filter=x' > $G/info/attributes;"
        " git config core.fsmonitor 'touch started'; git config core.sshCommand false",
        files=_DONE,
        never=("started",),
    ),
    Cheat(
        "borrows objects from a place that is not there",
        f"{_GIT}{_WORK}echo /nowhere > $G/objects/info/alternates",
        files=_DONE,
    ),
    Cheat(
        "breaks an object of its own commit",
        f"{_WORK}git commit -qam mine; o=$(git rev-parse HEAD:src/retry.py);"
        f" {_GIT}f=$G/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-);"
        " chmod +w $f; echo broken > $f",
        files=_DONE,
    ),
    Cheat(
        "commits a file into .git",
        f"{_WORK}b=$(git hash-object -w src/retry.py);"
        " t=$(printf '100644 blob %s\\t.git\\n' $b | git mktree);"
        " git update-ref --no-deref HEAD $(git commit-tree -p HEAD -m x $t)",
        files=_DONE,
        never=(".git",),
    ),
    Cheat(
        "names other missions' refs as its own",
        f"{_GIT}{_WORK}git commit -qam mine; mkdir -p $G/refs/hive/kept/other-1/build_one;"
        " git rev-parse HEAD > $G/refs/hive/kept/other-1/build_one/1;"
        " git branch hive/other-1",
        files=_DONE,
    ),
    Cheat(
        "hides a change from git's index",
        f"{_WORK}git update-index --skip-worktree src/retry.py;"
        " git update-index --assume-unchanged src/retry.py",
        files=_DONE,
    ),
    Cheat(
        "puts another repository's git directory under its tree",
        f"{_WORK}git init -q /tmp/x-$$; rm .git; echo gitdir: /tmp/x-$$/.git > .git;"
        " rm -r /tmp/x-$$",
        files=_DONE,
    ),
    Cheat(
        "adds a submodule of an address that it likes",
        f"{_WORK}printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = http://127.0.0.1:1/x\\n'"
        " > .gitmodules; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),x",
        files=_DONE,
        never=("x",),
    ),
    Cheat(
        "leaves a merge in progress",
        "git checkout -qb a; echo 1 > src/retry.py; git commit -qam a;"
        " git checkout -q -b b HEAD~1; echo 2 > src/retry.py; git commit -qam b; git merge a; true",
        "agent",
        ("left a merge in progress, with conflicts in src/retry.py",),
    ),
    Cheat(
        "leaves a rebase in progress",
        "git checkout -qb a; echo 1 > src/retry.py; git commit -qam a;"
        " git checkout -q -b b HEAD~1; echo 2 > src/retry.py; git commit -qam b;"
        " git rebase a; true",
        "agent",
        ("left a merge in progress, with conflicts in src/retry.py",),
    ),
    Cheat(
        "puts a branch, a tag and a bisection in the way",
        f"{_WORK}git checkout -qb refs/heads/main; git tag HEAD; git stash -q; git stash pop -q;"
        " git bisect start -q; true",
        files=_DONE,
    ),
    Cheat(
        "destroys its git directory",
        f"{_GIT}{_WORK}rm -rf $G/* .git; mkfifo $G/HEAD $G/packed-refs $G/index",
        files=_DONE,
    ),
)
