"""Repositories, as JSON."""

from typing import Any, Final

from hive_github.testing.model import ROLES, Account, Repository, Rules
from hive_github.testing.shapes.accounts import account
from hive_github.testing.world import World, node_id

_URLS: Final = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def url(world: World, one: Repository) -> str:
    return f"{world.api}/repos/{one.full_name}"


def html(world: World, one: Repository) -> str:
    return f"{world.url}/{one.full_name}"


def lite(world: World, one: Repository) -> dict[str, Any]:
    """GitHub's "minimal": no more than what it is called and where its parts are."""
    at = url(world, one)
    return {
        "id": one.id,
        "node_id": node_id("R", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
        "owner": account(world, one.owner),
        "html_url": html(world, one),
        "description": None,
        "fork": one.parent is not None,
        "url": at,
        **{name: at + rest for name, rest in _URLS.items()},
    }


def repository(world: World, one: Repository) -> dict[str, Any]:
    page = html(world, one)
    opened = sum(1 for issue in one.issues.values() if issue.state == "open")
    forks = sum(1 for other in world.repositories.values() if other.parent is one)
    return {
        **lite(world, one),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "pushed_at": one.pushed_at or one.created_at,
        "git_url": f"{page.replace('http:', 'git:', 1)}.git",
        "ssh_url": f"git@127.0.0.1:{one.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": True,
        "has_projects": False,
        "has_downloads": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": forks,
        "mirror_url": None,
        "archived": one.archived,
        "disabled": False,
        "open_issues_count": opened,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if one.private else "public",
        "forks": forks,
        "open_issues": opened,
        "watchers": 0,
        "default_branch": one.default_branch,
        "custom_properties": {},
    }


def full(world: World, one: Repository, viewer: Account | None) -> dict[str, Any]:
    return {
        **repository(world, one),
        "allow_merge_commit": "merge" in one.merge_methods,
        "allow_squash_merge": "squash" in one.merge_methods,
        "allow_rebase_merge": "rebase" in one.merge_methods,
        "allow_auto_merge": True,
        "delete_branch_on_merge": one.delete_branch_on_merge,
        "subscribers_count": 0,
        "network_count": 0,
        **({"parent": repository(world, one.parent)} if one.parent else {}),
        **({"permissions": permissions(world.role(viewer, one))} if viewer else {}),
    }


def permissions(role: str) -> dict[str, bool]:
    rank = ROLES.index(role)
    names = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain"}
    found = {name: rank >= ROLES.index(needed) for name, needed in names.items()}
    return {**found, "admin": role == "admin"}


def reference(world: World, one: Repository) -> dict[str, Any]:
    """As check runs name the repositories of their pull requests."""
    return {"id": one.id, "url": url(world, one), "name": one.name}


def installed(one: Repository) -> dict[str, Any]:
    """As installations name their repositories."""
    return {
        "id": one.id, "node_id": node_id("R", one.id), "name": one.name,
        "full_name": one.full_name, "private": one.private,
    }  # fmt: skip


def protection(world: World, one: Repository, branch: str, rules: Rules) -> dict[str, Any]:
    at = f"{url(world, one)}/branches/{branch}/protection"
    found: dict[str, Any] = {
        "url": at,
        "enforce_admins": {"url": f"{at}/enforce_admins", "enabled": True},
        "required_linear_history": {"enabled": rules.linear},
        "allow_force_pushes": {"enabled": rules.force_pushes},
        "allow_deletions": {"enabled": rules.deletions},
        "required_conversation_resolution": {"enabled": rules.conversations_resolved},
    }
    if rules.checks:
        found["required_status_checks"] = {
            "url": f"{at}/required_status_checks",
            "strict": rules.strict,
            "contexts": list(rules.checks),
            "contexts_url": f"{at}/required_status_checks/contexts",
            "checks": [{"context": name, "app_id": None} for name in rules.checks],
        }
    if rules.pull_request:
        found["required_pull_request_reviews"] = {
            "url": f"{at}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": rules.code_owners,
            "required_approving_review_count": rules.approvals,
            "require_last_push_approval": False,
        }
    return found


def shown_protection(rules: Rules | None) -> dict[str, Any]:
    """What whoever may read sees of it with a branch."""
    checks = rules.checks if rules else ()
    return {
        "enabled": rules is not None,
        "required_status_checks": {
            "enforcement_level": "everyone" if checks else "off",
            "contexts": list(checks),
            "checks": [{"context": name, "app_id": None} for name in checks],
        },
    }


def active_rules(rules: Rules) -> list[dict[str, Any]]:
    """As rulesets show them to whoever may read."""
    source = {"ruleset_source_type": "Repository", "ruleset_source": "branch", "ruleset_id": 1}
    found: list[dict[str, Any]] = []
    if not rules.deletions:
        found.append({"type": "deletion", **source})
    if not rules.force_pushes:
        found.append({"type": "non_fast_forward", **source})
    if rules.linear:
        found.append({"type": "required_linear_history", **source})
    if rules.pull_request:
        parameters = {
            "required_approving_review_count": rules.approvals,
            "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": rules.code_owners,
            "require_last_push_approval": False,
            "required_review_thread_resolution": rules.conversations_resolved,
        }
        found.append({"type": "pull_request", "parameters": parameters, **source})
    if rules.checks:
        checks = {
            "required_status_checks": [{"context": name} for name in rules.checks],
            "strict_required_status_checks_policy": rules.strict,
        }
        found.append({"type": "required_status_checks", "parameters": checks, **source})
    if rules.merge_queue:
        queue = {
            "check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN",
            "max_entries_to_build": 1, "max_entries_to_merge": 1, "merge_method": "MERGE",
            "min_entries_to_merge": 1, "min_entries_to_merge_wait_minutes": 0,
        }  # fmt: skip
        found.append({"type": "merge_queue", "parameters": queue, **source})
    return found
