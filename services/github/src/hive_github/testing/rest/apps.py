"""Apps, installations, manifests, deliveries, limits."""

from typing import Any

from hive_github.testing import registry
from hive_github.testing.clock import stamp
from hive_github.testing.hooks import Delivery
from hive_github.testing.model import Hook, Installation
from hive_github.testing.refusals import Refused, invalid, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import accounts, hooks, repositories


@route("GET /app", "app")
def get_app(call: Call) -> Any:
    assert call.caller.app is not None
    return accounts.own_app(call.world, call.caller.app)


@route("GET /app/installations", "app")
def list_installations(call: Call) -> Answer:
    mine = [one for one in call.world.installations.values() if one.app is call.caller.app]
    return call.page(mine, lambda one: accounts.installation(call.world, one))


def _own(call: Call) -> Installation:
    one = call.world.installations.get(call.number("installation_id"))
    if one is None or one.app is not call.caller.app:
        raise not_found()
    return one


@route("GET /app/installations/{installation_id}", "app")
def get_installation(call: Call) -> Any:
    return accounts.installation(call.world, _own(call))


@route("DELETE /app/installations/{installation_id}", "app")
def delete_installation(call: Call) -> Answer:
    one = _own(call)
    registry.uninstall(call.world, one, one.app.bot)
    return Answer(status=204)


@route("PUT /app/installations/{installation_id}/suspended", "app")
def suspend(call: Call) -> Answer:
    one = _own(call)
    registry.suspend(call.world, one, one.app.bot)
    return Answer(status=204)


@route("DELETE /app/installations/{installation_id}/suspended", "app")
def unsuspend(call: Call) -> Answer:
    registry.suspend(call.world, _own(call), None)
    return Answer(status=204)


@route("POST /app/installations/{installation_id}/access_tokens", "app")
def create_token(call: Call) -> Answer:
    one = _own(call)
    if one.suspended_at is not None:
        raise Refused(403, "This installation has been suspended")
    wanted = _chosen(call, one)
    token = registry.new_installation_token(
        call.world, one, call.body.get("permissions", {}), wanted
    )
    assert token.expires_at is not None
    shown: dict[str, Any] = {
        "token": token.value,
        "expires_at": stamp(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "all" if token.repositories is None else "selected",
    }
    if wanted is not None:
        chosen = [call.world.repositories[number] for number in sorted(wanted)]
        shown["repositories"] = [repositories.repository(call.world, each) for each in chosen]
    return Answer(status=201, body=shown)


def _chosen(call: Call, one: Installation) -> set[int] | None:
    names = call.body.get("repositories", [])
    numbers = call.body.get("repository_ids", [])
    if not names and not numbers:
        return None
    inside = [each for each in call.world.repositories.values() if one.covers(each)]
    found = {each.id for each in inside if each.name in names or each.id in numbers}
    if len(found) < len(set(names)) + len(set(numbers)):
        raise Refused(
            422, "There is at least one repository that does not exist or is not accessible to the "
            "parent installation.",
        )  # fmt: skip
    return found


@route("DELETE /installation/token", "installation")
def revoke_token(call: Call) -> Answer:
    assert call.caller.token is not None
    call.caller.token.revoked = True
    return Answer(status=204)


@route("GET /installation/repositories", "installation")
def list_accessible(call: Call) -> Answer:
    token, at = call.caller.token, call.caller.installation
    assert token is not None and at is not None
    inside = [
        one
        for one in call.world.repositories.values()
        if at.covers(one) and (token.repositories is None or one.id in token.repositories)
    ]
    answer = call.page(inside, lambda one: repositories.repository(call.world, one), "repositories")
    answer.body["repository_selection"] = "all" if token.repositories is None else "selected"
    return answer


@route("GET /repos/{owner}/{repo}/installation", "app")
def of_repository(call: Call) -> Any:
    covering = call.world.installations_on(call.repository)
    return _of_app(call, covering)


@route("GET /orgs/{org}/installation", "app")
def of_organization(call: Call) -> Any:
    return _of_account(call, call.params["org"])


@route("GET /users/{username}/installation", "app")
def of_user(call: Call) -> Any:
    return _of_account(call, call.params["username"])


def _of_account(call: Call, login: str) -> Any:
    account = call.world.known_account(login)
    return _of_app(call, [at for at in call.world.installations.values() if at.account is account])


def _of_app(call: Call, found: list[Installation]) -> Any:
    mine = [at for at in found if at.app is call.caller.app]
    if not mine:
        raise not_found()
    return accounts.installation(call.world, mine[0])


@route("POST /app-manifests/{code}/conversions", "public")
def convert_manifest(call: Call) -> Answer:
    owner, manifest = call.world.manifests.pop(call.params["code"], (None, {}))
    if owner is None:
        raise not_found()
    private, public = registry.new_key()
    hook = manifest.get("hook_attributes", {})
    secret = call.world.secret("webhook", 40)
    app = registry.create_app(
        call.world, owner, manifest["name"], public,
        permissions=manifest.get("default_permissions", {}),
        events=manifest.get("default_events", []),
        webhook_url=hook.get("url") if hook.get("active", True) else None,
        webhook_secret=secret,
    )  # fmt: skip
    app.setup_url = manifest.get("setup_url")
    return Answer(
        status=201,
        body={
            **accounts.own_app(call.world, app),
            "client_secret": call.world.secret("client secret", 40),
            "webhook_secret": secret if app.hook else None,
            "pem": private,
        },
    )


# ---- deliveries


@route("GET /app/hook/config", "app")
def get_hook_config(call: Call) -> Any:
    return hooks.config(_app_hook(call))


@route("PATCH /app/hook/config", "app")
def update_hook_config(call: Call) -> Any:
    hook = _app_hook(call)
    hook.url = call.body.get("url", hook.url)
    hook.secret = call.body.get("secret", hook.secret)
    return hooks.config(hook)


@route("GET /app/hook/deliveries", "app")
def list_deliveries(call: Call) -> Answer:
    return hooks.page_of(call, _app_hook(call))


@route("GET /app/hook/deliveries/{delivery_id}", "app")
def get_delivery(call: Call) -> Any:
    return hooks.delivery(_delivery(call, _app_hook(call)))


@route("POST /app/hook/deliveries/{delivery_id}/attempts", "app")
def redeliver(call: Call) -> Answer:
    call.world.courier.redeliver(_delivery(call, _app_hook(call)))
    return Answer(status=202, body={})


def _app_hook(call: Call) -> Hook:
    assert call.caller.app is not None
    if call.caller.app.hook is None:
        raise not_found()
    return call.caller.app.hook


def _delivery(call: Call, hook: Hook) -> Delivery:
    wanted = call.number("delivery_id")
    for one in call.world.courier.log:
        if one.id == wanted and one.hook is hook:
            return one
    raise not_found()


# ---- a repository's own webhooks


@route("GET /repos/{owner}/{repo}/hooks", "repository_hooks:read", role="admin")
def list_hooks(call: Call) -> Answer:
    return call.page(call.repository.hooks, lambda one: hooks.hook(call.world, one))


@route("POST /repos/{owner}/{repo}/hooks", "repository_hooks:write", role="admin")
def create_hook(call: Call) -> Answer:
    told = call.body.get("config", {})
    if "url" not in told:
        raise invalid("Hook", "url", "missing_field")
    if any(one.url == told["url"] for one in call.repository.hooks):
        raise invalid("Hook", "hook", "custom", "Hook already exists on this repository")
    made = registry.new_hook(
        call.world, call.repository, told["url"], told.get("secret", ""),
        call.body.get("events", ["push"]),
    )  # fmt: skip
    made.active = call.body.get("active", True)
    hooks.ping(call.world, made, call.account)
    return Answer(status=201, body=hooks.hook(call.world, made))


def _repository_hook(call: Call) -> Hook:
    wanted = call.number("hook_id")
    for one in call.repository.hooks:
        if one.id == wanted:
            return one
    raise not_found()


@route("GET /repos/{owner}/{repo}/hooks/{hook_id}", "repository_hooks:read", role="admin")
def get_hook(call: Call) -> Any:
    return hooks.hook(call.world, _repository_hook(call))


@route("PATCH /repos/{owner}/{repo}/hooks/{hook_id}", "repository_hooks:write", role="admin")
def update_hook(call: Call) -> Any:
    one = _repository_hook(call)
    told = call.body.get("config", {})
    one.url, one.secret = told.get("url", one.url), told.get("secret", one.secret)
    one.active = call.body.get("active", one.active)
    one.events = tuple(call.body.get("events", one.events))
    return hooks.hook(call.world, one)


@route("DELETE /repos/{owner}/{repo}/hooks/{hook_id}", "repository_hooks:write", role="admin")
def delete_hook(call: Call) -> Answer:
    call.repository.hooks.remove(_repository_hook(call))
    return Answer(status=204)


@route(
    "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries", "repository_hooks:read", role="admin"
)
def list_hook_deliveries(call: Call) -> Answer:
    return hooks.page_of(call, _repository_hook(call))


@route(
    "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}",
    "repository_hooks:read", role="admin",
)  # fmt: skip
def get_hook_delivery(call: Call) -> Any:
    return hooks.delivery(_delivery(call, _repository_hook(call)))


@route(
    "POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts",
    "repository_hooks:write", role="admin",
)  # fmt: skip
def redeliver_hook(call: Call) -> Answer:
    call.world.courier.redeliver(_delivery(call, _repository_hook(call)))
    return Answer(status=202, body={})


# ---- of GitHub itself


@route("GET /rate_limit", "public")
def rate_limit(call: Call) -> Any:
    return call.world.meter.overview(call.caller.bucket)


@route("GET /meta", "public")
def meta(call: Call) -> Any:
    return {"verifiable_password_authentication": False, "hooks": ["127.0.0.1/32"]}


@route("GET /user", "any")
def get_me(call: Call) -> Any:
    if call.caller.installation is not None:
        raise Refused(403, "Resource not accessible by integration")
    return accounts.public_user(call.world, call.account)


@route("GET /users/{username}", "public")
def get_user(call: Call) -> Any:
    return accounts.public_user(call.world, call.world.known_account(call.params["username"]))
