"""People, organisations, Apps and their installations, as JSON."""

from typing import Any, Final

from hive_github.testing.model import Account, App, Installation, Team
from hive_github.testing.world import World, node_id

_LETTER: Final = {"User": "U", "Organization": "O", "Bot": "BOT"}
_OF_USERS: Final = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def account(world: World, one: Account) -> dict[str, Any]:
    url = f"{world.api}/users/{one.login}"
    path = f"apps/{one.login.removesuffix('[bot]')}" if one.type == "Bot" else one.login
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node_id(_LETTER[one.type], one.id),
        "avatar_url": f"{world.url}/avatars/u/{one.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.url}/{path}",
        **{name: url + rest for name, rest in _OF_USERS.items()},
        "type": one.type,
        "site_admin": False,
    }


def organization(world: World, one: Account) -> dict[str, Any]:
    url = f"{world.api}/orgs/{one.login}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node_id("O", one.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.url}/avatars/u/{one.id}",
        "description": None,
    }


def team(world: World, one: Team) -> dict[str, Any]:
    """As webhooks have it."""
    owner = one.organization
    url = f"{world.api}/organizations/{owner.id}/team/{one.id}"
    return {
        "name": one.slug,
        "id": one.id,
        "node_id": node_id("T", one.id),
        "slug": one.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "url": url,
        "html_url": f"{world.url}/orgs/{owner.login}/teams/{one.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "permission": "pull",
        "parent": None,
    }


def own_team(world: World, one: Team) -> dict[str, Any]:
    """As REST has it."""
    return {**team(world, one), "type": "organization"}


def public_user(world: World, one: Account) -> dict[str, Any]:
    return {
        **account(world, one),
        "name": one.login, "company": None, "blog": None, "location": None, "email": None,
        "hireable": None, "bio": None, "public_repos": 0, "public_gists": 0, "followers": 0,
        "following": 0, "created_at": one.created_at, "updated_at": one.updated_at,
    }  # fmt: skip


def app(world: World, one: App) -> dict[str, Any]:
    return {
        "id": one.id,
        "slug": one.slug,
        "node_id": node_id("A", one.id),
        "owner": account(world, one.owner),
        "name": one.name,
        "description": one.description,
        "external_url": f"{world.url}/about/{one.slug}",
        "html_url": f"{world.url}/apps/{one.slug}",
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "permissions": one.permissions,
        "events": list(one.events),
    }


def own_app(world: World, one: App) -> dict[str, Any]:
    """As the App sees itself."""
    count = sum(1 for at in world.installations.values() if at.app is one)
    return {**app(world, one), "client_id": one.client_id, "installations_count": count}


def installation(world: World, one: Installation) -> dict[str, Any]:
    owner = one.account
    place = f"organizations/{owner.login}/" if owner.type == "Organization" else ""
    return {
        "id": one.id,
        "account": account(world, owner),
        "repository_selection": "all" if one.repositories is None else "selected",
        "access_tokens_url": f"{world.api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{world.api}/installation/repositories",
        "html_url": f"{world.url}/{place}settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": owner.id,
        "target_type": owner.type,
        "permissions": one.permissions,
        "events": list(one.events),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": account(world, one.suspended_by) if one.suspended_by else None,
        "suspended_at": one.suspended_at,
    }
