"""Issues: opened, changed, labelled, assigned, commented on; each change is told."""

from collections.abc import Sequence
from typing import Any

from hive_github.testing import registry
from hive_github.testing.model import (
    Account,
    App,
    Comment,
    Issue,
    IssueEvent,
    Label,
    Reaction,
    Repository,
)
from hive_github.testing.refusals import Refused, invalid, not_found
from hive_github.testing.shapes import issues as shown
from hive_github.testing.shapes import pulls as shown_pulls
from hive_github.testing.shapes import repositories as shown_repositories
from hive_github.testing.shapes.accounts import account
from hive_github.testing.world import World

MOST_BODY = 65_536
MOST_ASSIGNEES = 10


def open_issue(
    world: World,
    at: Repository,
    user: Account,
    title: str,
    body: str | None = None,
    labels: Sequence[str] = (),
    assignees: Sequence[str] = (),
    app: App | None = None,
) -> Issue:
    """Raises Refused."""
    _alive(at)
    _fits(body)
    if not title.strip():
        raise invalid("Issue", "title", "missing_field")
    made = Issue(
        id=world.next_id("issue"), created_at=world.now(), number=world.next_number(at),
        title=title, body=body, user=user, app=app,
    )  # fmt: skip
    at.issues[made.number] = made
    made.labels = [_label(world, at, name, user) for name in dict.fromkeys(labels)]
    made.assignees = _assignable(world, at, assignees)
    _tell(world, at, made, "opened", user)
    for label in made.labels:
        _happened(world, made, "labeled", user, label=label)
        _tell(world, at, made, "labeled", user, label=shown.label(world, at, label))
    for assignee in made.assignees:
        _happened(world, made, "assigned", user, assignee=assignee)
        _tell(world, at, made, "assigned", user, assignee=account(world, assignee))
    return made


def edit(
    world: World, at: Repository, one: Issue, user: Account, title: str | None, body: str | None
) -> None:
    _alive(at)
    _fits(body)
    changes: dict[str, Any] = {}
    if title is not None and title != one.title:
        changes["title"] = {"from": one.title}
        _happened(world, one, "renamed", user, rename={"from": one.title, "to": title})
        one.title = title
    if body is not None and body != one.body:
        changes["body"] = {"from": one.body or ""}
        one.body, one.edited_at, one.editor = body, world.now(), user
    if changes:
        _touched(world, one)
        _tell(world, at, one, "edited", user, changes=changes)


def close(
    world: World, at: Repository, one: Issue, user: Account, reason: str = "completed"
) -> None:
    _alive(at)
    if one.state == "closed":
        return
    one.state, one.closed_at, one.closed_by = "closed", world.now(), user
    one.state_reason = None if one.pull else reason
    _touched(world, one)
    _happened(world, one, "closed", user)
    _tell(world, at, one, "closed", user)


def reopen(world: World, at: Repository, one: Issue, user: Account) -> None:
    _alive(at)
    if one.state == "open":
        return
    if one.pull is not None and one.pull.merged_at is not None:
        raise invalid("PullRequest", "state", "custom", "a merged pull request cannot be reopened")
    one.state, one.closed_at, one.closed_by = "open", None, None
    one.state_reason = None if one.pull else "reopened"
    _touched(world, one)
    _happened(world, one, "reopened", user)
    _tell(world, at, one, "reopened", user)


def lock(world: World, at: Repository, one: Issue, user: Account) -> None:
    one.locked = True
    _touched(world, one)
    _happened(world, one, "locked", user)
    _tell(world, at, one, "locked", user)


def delete(world: World, at: Repository, one: Issue, user: Account) -> None:
    """For ever: its number is given to no other."""
    del at.issues[one.number]
    world.deleted_issues.add((at.id, one.number))
    _tell(world, at, one, "deleted", user)


def transfer(world: World, at: Repository, one: Issue, to: Repository, user: Account) -> None:
    """To another repository, under another number, with its comments, but not its labels."""
    old = one.number
    before = shown.issue(world, at, one)
    del at.issues[old]
    one.number, one.labels = world.next_number(to), []
    to.issues[one.number] = one
    world.transferred_issues[at.id, old] = (to, one.number)
    changes = {
        "new_issue": shown.issue(world, to, one),
        "new_repository": shown_repositories.repository(world, to),
    }
    said = {"action": "transferred", "issue": before, "changes": changes}
    world.tell("issues", {**said, **registry.context(world, at, user)}, at)


def add_labels(
    world: World, at: Repository, one: Issue, user: Account, names: Sequence[str]
) -> None:
    _alive(at)
    for name in names:
        label = _label(world, at, name, user)
        if label not in one.labels:
            one.labels.append(label)
            _touched(world, one)
            _happened(world, one, "labeled", user, label=label)
            _tell(world, at, one, "labeled", user, label=shown.label(world, at, label))


def remove_label(world: World, at: Repository, one: Issue, user: Account, name: str) -> None:
    """Raises Refused where it has none of that name."""
    _alive(at)
    found = next((label for label in one.labels if label.name.lower() == name.lower()), None)
    if found is None:
        raise Refused(404, "Label does not exist")
    one.labels.remove(found)
    _touched(world, one)
    _happened(world, one, "unlabeled", user, label=found)
    _tell(world, at, one, "unlabeled", user, label=shown.label(world, at, found))


def set_labels(
    world: World, at: Repository, one: Issue, user: Account, names: Sequence[str]
) -> None:
    wanted = {name.lower() for name in names}
    for label in list(one.labels):
        if label.name.lower() not in wanted:
            remove_label(world, at, one, user, label.name)
    add_labels(world, at, one, user, names)


def assign(world: World, at: Repository, one: Issue, user: Account, logins: Sequence[str]) -> None:
    """Who may not be assigned is left out, as GitHub does."""
    _alive(at)
    for assignee in _assignable(world, at, logins):
        if assignee not in one.assignees and len(one.assignees) < MOST_ASSIGNEES:
            one.assignees.append(assignee)
            _touched(world, one)
            _happened(world, one, "assigned", user, assignee=assignee)
            _tell(world, at, one, "assigned", user, assignee=account(world, assignee))


def unassign(
    world: World, at: Repository, one: Issue, user: Account, logins: Sequence[str]
) -> None:
    _alive(at)
    names = {login.lower() for login in logins}
    for assignee in list(one.assignees):
        if assignee.login.lower() in names:
            one.assignees.remove(assignee)
            _touched(world, one)
            _happened(world, one, "unassigned", user, assignee=assignee)
            _tell(world, at, one, "unassigned", user, assignee=account(world, assignee))


def comment(
    world: World, at: Repository, one: Issue, user: Account, body: str, app: App | None = None
) -> Comment:
    _alive(at)
    _fits(body)
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    if one.locked and world.role(user, at) in ("none", "read") and app is None:
        raise Refused(403, "Unable to create comment because issue is locked.")
    made = Comment(
        id=world.next_id("comment"), created_at=world.now(), user=user, body=body, app=app
    )
    one.comments.append(made)
    _touched(world, one)
    _told_comment(world, at, one, made, "created", user)
    return made


def edit_comment(
    world: World, at: Repository, of: Issue, one: Comment, user: Account, body: str
) -> None:
    _alive(at)
    _fits(body)
    before, one.body = one.body, body
    one.updated_at = world.now()
    if before != body:
        _told_comment(world, at, of, one, "edited", user, changes={"body": {"from": before}})


def delete_comment(world: World, at: Repository, of: Issue, one: Comment, user: Account) -> None:
    _alive(at)
    of.comments.remove(one)
    _told_comment(world, at, of, one, "deleted", user)


def react(world: World, on: list[Reaction], user: Account, content: str) -> tuple[Reaction, bool]:
    """The reaction, and whether it is new: the same twice is one."""
    if content not in shown.CONTENTS:
        raise invalid("Reaction", "content")
    for one in on:
        if one.user is user and one.content == content:
            return one, False
    made = Reaction(
        id=world.next_id("reaction"), created_at=world.now(), user=user, content=content
    )
    on.append(made)
    return made, True


def _happened(
    world: World,
    one: Issue,
    event: str,
    user: Account,
    label: Label | None = None,
    assignee: Account | None = None,
    rename: dict[str, str] | None = None,
) -> None:
    by = next((app for app in world.apps.values() if app.bot is user), None)
    made = IssueEvent(
        id=world.next_id("issue event"), created_at=world.now(), event=event, actor=user, app=by,
        label=label, assignee=assignee, rename=rename,
    )  # fmt: skip
    one.events.append(made)


def _tell(
    world: World, at: Repository, one: Issue, action: str, user: Account, **more: Any
) -> None:
    """A pull request's labels and assignees are told as its own."""
    if one.pull is not None:
        shown_pulls.tell(world, at, one, action, user, **more)
        return
    said = {"action": action, "issue": shown.issue(world, at, one), **more}
    world.tell("issues", {**said, **registry.context(world, at, user)}, at)


def _told_comment(
    world: World,
    at: Repository,
    of: Issue,
    one: Comment,
    action: str,
    user: Account,
    **more: Any,
) -> None:
    said = {
        "action": action,
        **more,
        "issue": shown.issue(world, at, of),
        "comment": shown.comment(world, at, of, one),
    }
    world.tell("issue_comment", {**said, **registry.context(world, at, user)}, at)


def _label(world: World, at: Repository, name: str, user: Account) -> Label:
    """Made where there is none, as GitHub does for whoever may write."""
    found = at.labels.get(name.lower())
    return found or registry.new_label(world, at, name, "ededed", None, user)


def _assignable(world: World, at: Repository, logins: Sequence[str]) -> list[Account]:
    found = []
    for login in logins:
        one = world.accounts.get(login.lower())
        if one is None:
            continue
        of_app = any(i.app.bot is one for i in world.installations_on(at))
        if of_app or world.role(one, at) not in ("none", "read"):
            found.append(one)
    return found


def _alive(at: Repository) -> None:
    if at.archived:
        raise Refused(403, "Repository was archived so is read-only.")


def _fits(body: str | None) -> None:
    if body is not None and len(body) > MOST_BODY:
        message = f"body is too long (maximum is {MOST_BODY} characters)"
        raise invalid("Issue", "body", "custom", message)


def _touched(world: World, one: Issue) -> None:
    one.updated_at = world.now()


def find_label(at: Repository, name: str) -> Label:
    """Raises Refused."""
    try:
        return at.labels[name.lower()]
    except KeyError:
        raise not_found() from None
