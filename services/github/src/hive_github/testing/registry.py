"""Accounts, repositories, Apps, installations and tokens: made, changed and taken away."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hive_github.testing.model import (
    Account,
    App,
    Hook,
    Installation,
    Label,
    Repository,
    Rules,
    Team,
    Token,
)
from hive_github.testing.refusals import Refused, invalid
from hive_github.testing.shapes import accounts as shown_accounts
from hive_github.testing.shapes import repositories as shown
from hive_github.testing.shapes.issues import label as shown_label
from hive_github.testing.world import World

PERMISSIONS: Final = {
    "actions": "write", "checks": "write", "contents": "write", "issues": "write",
    "members": "read", "merge_queues": "write", "metadata": "read", "pull_requests": "write",
    "statuses": "write", "workflows": "write",
}  # fmt: skip
"""Of an App that does all that the hive does."""
EVENTS: Final = (
    "check_run", "check_suite", "create", "delete", "issue_comment", "issues", "label", "member",
    "merge_group", "pull_request", "pull_request_review", "pull_request_review_comment",
    "pull_request_review_thread", "push", "repository", "status", "workflow_job", "workflow_run",
)  # fmt: skip
_LABELS: Final = {"bug": "d73a4a", "documentation": "0075ca", "enhancement": "a2eeef"}
TOKEN_SECONDS: Final = 3600.0
DEFAULT_FILES: Final = {"README.md": "# A repository\n"}


def create_repository(
    world: World,
    owner: Account,
    name: str,
    *,
    files: Mapping[str, str | bytes] | None = None,
    private: bool = True,
    branch: str = "main",
) -> Repository:
    if world.find_repository(f"{owner.login}/{name}"):
        raise invalid("Repository", "name", "custom", "name already exists on this account")
    number = world.next_id("repository")
    path = world.folder / f"{number}.git"
    world.git.create(path, branch)
    made = Repository(
        id=number, created_at=world.now(), owner=owner, name=name, path=path, private=private,
        default_branch=branch,
    )  # fmt: skip
    for title, color in _LABELS.items():
        made.labels[title] = Label(
            id=world.next_id("label"), created_at=world.now(), name=title, color=color, default=True
        )
    world.git.commit(
        path, f"refs/heads/{branch}", DEFAULT_FILES if files is None else files, "Initial commit",
        address(owner), None,
    )  # fmt: skip
    made.pushed_at = world.now()
    made.tips = world.git.refs(path)
    world.repositories[number] = made
    _remember(world, made.full_name)
    return made


def fork(world: World, parent: Repository, owner: Account) -> Repository:
    number = world.next_id("repository")
    path = world.folder / f"{number}.git"
    world.git.copy(parent.path, path)
    (path / "protected").unlink(missing_ok=True)
    made = Repository(
        id=number, created_at=world.now(), owner=owner, name=parent.name, path=path,
        private=parent.private, default_branch=parent.default_branch, parent=parent,
    )  # fmt: skip
    made.tips = world.git.refs(path)
    world.repositories[number] = made
    _remember(world, made.full_name)
    return made


def create_team(
    world: World,
    owner: Account,
    slug: str,
    members: Sequence[str],
    repositories: Sequence[Repository],
    role: str,
) -> Team:
    """Whoever is in a team is a member of its organisation."""
    for login in members:
        owner.members.setdefault(world.account(login).login.lower(), "member")
    made = Team(
        id=world.next_id("team"), created_at=world.now(), organization=owner, slug=slug,
        members={login.lower() for login in members},
        repositories={one.id: role for one in repositories},
    )  # fmt: skip
    world.teams[made.full_name.lower()] = made
    return made


def rename(world: World, one: Repository, name: str, sender: Account) -> None:
    world.moved[one.full_name.lower()] = one.id
    before, one.name = one.name, name
    _remember(world, one.full_name)
    _tell(world, one, "renamed", sender, {"changes": {"repository": {"name": {"from": before}}}})


def transfer(world: World, one: Repository, owner: Account, sender: Account) -> None:
    """Leaves the installations of the account that it was in."""
    world.moved[one.full_name.lower()] = one.id
    before, one.owner = one.owner, owner
    _remember(world, one.full_name)
    word = "organization" if before.type == "Organization" else "user"
    shape = shown_accounts.organization if word == "organization" else shown_accounts.account
    changes = {"owner": {"from": {word: shape(world, before)}}}
    _tell(world, one, "transferred", sender, {"changes": changes})
    for at in world.installations.values():
        if at.account is before:
            told_repositories(world, at, [], [one], sender)


def archive(world: World, one: Repository, archived: bool, sender: Account) -> None:
    one.archived = archived
    _tell(world, one, "archived" if archived else "unarchived", sender, {})


def delete(world: World, one: Repository, sender: Account) -> None:
    _tell(world, one, "deleted", sender, {})
    for at in world.installations_on(one):
        told_repositories(world, at, [], [one], sender)
    del world.repositories[one.id]
    world.gone.add(one.full_name.lower())


def protect(world: World, one: Repository, branch: str, rules: Rules | None) -> None:
    if rules is None:
        one.rules.pop(branch, None)
    else:
        one.rules[branch] = rules
    lines = []
    for name, each in one.rules.items():
        ref = f"refs/heads/{name}"
        if each.pull_request or each.merge_queue:
            lines.append(f"push {ref}\n")
        if not each.force_pushes:
            lines.append(f"force {ref}\n")
        if not each.deletions:
            lines.append(f"delete {ref}\n")
    (one.path / "protected").write_text("".join(lines))


def create_app(
    world: World,
    owner: Account,
    name: str,
    public_key: str,
    *,
    permissions: Mapping[str, str] | None = None,
    events: Sequence[str] = EVENTS,
    webhook_url: str | None = None,
    webhook_secret: str = "",
) -> App:
    slug = "-".join(name.lower().split())
    number = world.next_id("app")
    made = App(
        id=number, created_at=world.now(), slug=slug, name=name, owner=owner,
        client_id=f"Iv23li{world.secret('client', 14)}", public_key=public_key,
        permissions=dict(PERMISSIONS if permissions is None else permissions),
        events=tuple(events), bot=world.account(f"{slug}[bot]", "Bot"),
    )  # fmt: skip
    if webhook_url is not None:
        made.hook = Hook(
            id=world.next_id("hook"), created_at=world.now(), url=webhook_url,
            secret=webhook_secret, events=tuple(events), app=made,
        )  # fmt: skip
        world.hooks[made.hook.id] = made.hook
    world.apps[number] = made
    return made


def new_key() -> tuple[str, str]:
    """An RSA key for an App: private and public, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def install(
    world: World, app: App, account: Account, repositories: Sequence[Repository] | None
) -> Installation:
    if any(at.app is app and at.account is account for at in world.installations.values()):
        raise invalid("Installation", "account", "already_exists")
    made = Installation(
        id=world.next_id("installation"), created_at=world.now(), app=app, account=account,
        permissions=dict(app.permissions), events=app.events,
        repositories=None if repositories is None else {one.id for one in repositories},
    )  # fmt: skip
    world.installations[made.id] = made
    _told_installation(world, made, "created", account)
    return made


def uninstall(world: World, one: Installation, sender: Account) -> None:
    _told_installation(world, one, "deleted", sender)
    for token in world.tokens.values():
        if token.installation is one:
            token.revoked = True
    del world.installations[one.id]


def suspend(world: World, one: Installation, sender: Account | None) -> None:
    """`sender` None lifts it."""
    one.suspended_at = world.now() if sender else None
    one.suspended_by = sender
    _told_installation(world, one, "suspend" if sender else "unsuspend", sender or one.account)


def grant(world: World, one: Installation, permissions: Mapping[str, str]) -> None:
    """What the account's owner has accepted from now on."""
    one.permissions = dict(permissions)
    _told_installation(world, one, "new_permissions_accepted", one.account)


def told_repositories(
    world: World,
    one: Installation,
    added: Sequence[Repository],
    removed: Sequence[Repository],
    sender: Account,
) -> None:
    said = {
        "action": "added" if added else "removed",
        "installation": shown_accounts.installation(world, one),
        "repository_selection": "all" if one.repositories is None else "selected",
        "repositories_added": [shown.installed(each) for each in added],
        "repositories_removed": [shown.installed(each) for each in removed],
        "requester": None,
        "sender": shown_accounts.account(world, sender),
    }
    world.tell("installation_repositories", said, installation=one)


def new_installation_token(
    world: World, one: Installation, permissions: dict[str, str], repositories: set[int] | None
) -> Token:
    """Raises Refused for more than the installation has."""
    for name, level in permissions.items():
        had = one.permissions.get(name)
        if had is None or (level == "write" and had != "write"):
            raise Refused(422, "The permissions requested are not granted to this installation.")
    made = Token(
        value=f"ghs_{world.secret('installation token')}",
        permissions=permissions or one.permissions,
        repositories=one.repositories if repositories is None else repositories,
        expires_at=world.clock.now() + TOKEN_SECONDS,
        installation=one,
    )
    world.tokens[made.value] = made
    return made


def new_personal_token(
    world: World,
    user: Account,
    permissions: Mapping[str, str] | None,
    repositories: Sequence[Repository] | None,
    seconds: float | None,
) -> Token:
    made = Token(
        value=f"github_pat_{world.secret('fine-grained token', 82)}",
        permissions=dict(PERMISSIONS if permissions is None else permissions),
        repositories=None if repositories is None else {one.id for one in repositories},
        expires_at=None if seconds is None else world.clock.now() + seconds,
        user=user,
    )
    world.tokens[made.value] = made
    return made


def new_hook(world: World, at: Repository, url: str, secret: str, events: Sequence[str]) -> Hook:
    made = Hook(
        id=world.next_id("hook"), created_at=world.now(), url=url, secret=secret,
        events=tuple(events), repository=at,
    )  # fmt: skip
    at.hooks.append(made)
    world.hooks[made.id] = made
    return made


def new_label(
    world: World, at: Repository, name: str, color: str, description: str | None, sender: Account
) -> Label:
    made = Label(
        id=world.next_id("label"), created_at=world.now(), name=name, color=color,
        description=description,
    )  # fmt: skip
    at.labels[name.lower()] = made
    said = {"action": "created", "label": shown_label(world, at, made)}
    world.tell("label", {**said, **context(world, at, sender)}, at)
    return made


def context(world: World, at: Repository, sender: Account) -> dict[str, Any]:
    """What each webhook says of where it happened and who did it."""
    said = {
        "repository": shown.repository(world, at),
        "sender": shown_accounts.account(world, sender),
    }
    if at.owner.type == "Organization":
        said["organization"] = shown_accounts.organization(world, at.owner)
    return said


def address(account: Account) -> str:
    """For git."""
    return f"{account.login} <{account.id}+{account.login}@users.noreply.github.com>"


def _tell(world: World, at: Repository, action: str, sender: Account, more: dict[str, Any]) -> None:
    world.tell("repository", {"action": action, **more, **context(world, at, sender)}, at)


def _told_installation(world: World, one: Installation, action: str, sender: Account) -> None:
    said: dict[str, Any] = {
        "action": action,
        "installation": shown_accounts.installation(world, one),
        "sender": shown_accounts.account(world, sender),
    }
    if action not in ("suspend", "unsuspend"):  # of which GitHub does not list them
        inside = [each for each in world.repositories.values() if one.covers(each)]
        said["repositories"] = [shown.installed(each) for each in inside]
    world.tell("installation", said, installation=one)


def _remember(world: World, full_name: str) -> None:
    """A name that is taken anew leads nowhere else."""
    world.moved.pop(full_name.lower(), None)
    world.gone.discard(full_name.lower())
