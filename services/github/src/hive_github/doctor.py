"""What is missing between the hive and GitHub, and what a person can do about it."""

from collections.abc import AsyncIterator, Container, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hive_contracts.github.questions import Examination, Finding
from hive_github.api.errors import GithubError, NotFound, Refused, Unauthenticated
from hive_github.api.github import Github
from hive_github.credentials import AppCredentials
from hive_github.look import Looks, NoAccess
from hive_github.token_rights import token_rights
from hive_shared.clock import Clock

PERMISSIONS: Final[dict[str, str]] = {
    "contents": "write",
    "pull_requests": "write",
    "issues": "write",
    "checks": "write",
    "actions": "write",
    "statuses": "read",
    "merge_queues": "write",
    "metadata": "read",
    "members": "read",
}
"""What the hive does needs these."""
OF_ORGANIZATIONS: Final = frozenset(("members",))
"""Those that a person's own account cannot give: there are no teams."""
EVENTS: Final = frozenset(
    (
        "check_run",
        "check_suite",
        "issue_comment",
        "issues",
        "merge_group",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
        "push",
        "repository",
        "status",
    )
)
"""What it hears; those about installations come without asking."""
MAX_INSTALLATIONS: Final = 50
MAX_DETAIL: Final = 300
_LEVELS: Final = ("", "read", "write", "admin")


class Doctor:
    def __init__(self, github: Github, looks: Looks, clock: Clock, webhook_secret: bytes) -> None:
        self._github = github
        self._looks = looks
        self._clock = clock
        self._has_secret = bool(webhook_secret)

    async def examine(self, repository: str, cause: str) -> Examination:
        """Never raises GithubError: that is a finding."""
        findings: list[Finding] = []
        is_app = isinstance(self._github.credentials, AppCredentials)
        try:
            async for each in self._app() if is_app else self._token():
                findings.append(each)  # noqa: PERF401  told, too, where the next one fails
            if repository:
                found = await self._repository(repository, cause)
                findings.append(found)
                if found.ok and not is_app:
                    me = await self._github.get("/user", 0)
                    findings.append(await token_rights(self._github, repository, me["login"]))
        except Unauthenticated as error:
            findings.append(_untaken(str(error)[:MAX_DETAIL], is_app=is_app))
        except GithubError as error:
            remedy = "see whether this machine reaches it, and github_url, App and key are right"
            findings.append(Finding("GitHub answers", False, str(error)[:MAX_DETAIL], remedy))
        return Examination(tuple(findings))

    async def _token(self) -> AsyncIterator[Finding]:
        me = await self._github.get("/user", 0)
        yield Finding("the token is taken", True, f"as {me['login']}")
        detail = "with a token nobody tells us of changes; issues and pull requests are looked at"
        yield Finding("webhooks", True, f"{detail} every five minutes")

    async def _app(self) -> AsyncIterator[Finding]:
        app = await self._github.get("/app", 0)
        settings = f"{self._github.places.url}/settings/apps/{app['slug']}"
        yield Finding("the App's key is taken", True, f"{app['name']} ({app['slug']})")
        yield _permissions("the App's permissions", app["permissions"], f"{settings}/permissions")
        unheard = sorted(EVENTS - set(app["events"]))
        yield Finding(
            "the App's events",
            not unheard,
            f"not subscribed: {', '.join(unheard)}" if unheard else "all that are needed",
            f"tick them at {settings}/permissions" if unheard else "",
        )
        count = 0
        async for installation in self._github.pages("/app/installations", 0):
            count += 1
            if count <= MAX_INSTALLATIONS:
                yield _installation(installation)
        if not count:
            remedy = f"{settings}/installations: install it where the repositories are"
            yield Finding("installations", False, "the App is installed nowhere", remedy)
        async for finding in self._webhooks(settings):
            yield finding

    async def _webhooks(self, settings: str) -> AsyncIterator[Finding]:
        try:
            config = await self._github.get("/app/hook/config", 0)
        except NotFound:
            config = {}
        url = config.get("url") or ""
        if not url:
            yield Finding(
                "webhooks", False, "the App has no webhook URL",
                f"give it this hive's public address with /webhooks at its end: {settings}",
            )  # fmt: skip
            return
        if config.get("content_type") != "json":
            remedy = f"set it to application/json: {settings}"
            yield Finding("webhooks", False, "their content type is not JSON", remedy)
        if not self._has_secret:
            yield Finding(
                "webhooks", False, "no secret is configured here, so none is taken",
                "put the App's webhook secret into a file: github_webhook_secret_file",
            )  # fmt: skip
        answer = await self._github.rest("GET", "/app/hook/deliveries", 0, query={"per_page": 20})
        yield _reach(answer.json(), url, self._clock.now_ms() / 1000)

    async def _repository(self, name: str, cause: str) -> Finding:
        try:
            seen = await self._looks.repository(name, cause)
        except NoAccess as error:
            return Finding(name, False, str(error)[:MAX_DETAIL], error.remedy)
        except Refused as error:
            return Finding(name, False, str(error)[:MAX_DETAIL], "check its name")
        if seen.archived:
            return Finding(name, False, "it is archived", "take it out of the archive")
        if not seen.may_push:
            return Finding(name, False, "nothing may be pushed", "give write access to contents")
        return Finding(name, True, f"{seen.full_name}, default branch {seen.default_branch}")


def _untaken(detail: str, *, is_app: bool) -> Finding:
    if not is_app:
        remedy = "it has ended or was revoked: put another one into its file, github_token_file"
        return Finding("the token is taken", False, detail, remedy)
    remedy = (
        "see that App and key belong together and this machine's clock is right; or make another"
        " App: hive github connect --again"
    )
    return Finding("the App's key is taken", False, detail, remedy)


def _permissions(
    what: str, given: Mapping[str, str], where: str, unneeded: Container[str] = ()
) -> Finding:
    missing = [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if name not in unneeded and _LEVELS.index(given.get(name, "")) < _LEVELS.index(level)
    ]
    detail = f"missing {', '.join(missing)}" if missing else "all that are needed"
    return Finding(what, not missing, detail, f"give them at {where}" if missing else "")


def _installation(told: Any) -> Finding:
    account = (told.get("account") or {}).get("login", "?")
    where = told.get("html_url") or "the installation's page"
    if told.get("suspended_at"):
        return Finding(f"installed on {account}", False, "it is suspended", f"resume it: {where}")
    unneeded = () if told["target_type"] == "Organization" else OF_ORGANIZATIONS
    finding = _permissions(f"installed on {account}", told["permissions"], where, unneeded)
    if finding.ok:
        chosen = told.get("repository_selection", "all")
        return Finding(finding.what, True, f"{chosen} repositories")
    return Finding(finding.what, False, finding.detail, f"accept the new permissions at {where}")


def _reach(listed: list[Any], url: str, now: float) -> Finding:
    """Whether the newest deliveries arrived."""
    if not listed:
        return Finding("webhooks reach us", True, f"none was sent to {url} in three days")
    newest = listed[0]
    age = now - datetime.fromisoformat(newest["delivered_at"]).astimezone(UTC).timestamp()
    failed = sum(not 200 <= int(each["status_code"]) < 300 for each in listed)
    detail = f"the newest, {max(age, 0) / 60:.0f} min ago, was answered {newest['status']}"
    if not 200 <= int(newest["status_code"]) < 300:
        return Finding(
            "webhooks reach us", False, f"{detail}; {failed} of the last {len(listed)} failed",
            f"see that {url} leads to this hive's github_webhook_port; what was missed is asked for"
            " again by itself",
        )  # fmt: skip
    return Finding("webhooks reach us", True, f"{detail}; {failed} of {len(listed)} failed")
