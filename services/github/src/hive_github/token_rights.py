"""What a fine-grained token may do at a repository. GitHub tells it nowhere, so it is tried.

Only by reading, and by asking whether git would be let in to push: whatever else shows a right to
write leaves something behind. What is public is read by everybody and shows nothing.
Source: docs.github.com/rest/authentication, "Permissions required for fine-grained personal access
tokens"; without one of them GitHub answers 403.
"""

from hive_contracts.github.places import repository_path
from hive_contracts.github.questions import Finding
from hive_github.api.errors import Forbidden, Refused
from hive_github.api.github import Github


async def token_rights(github: Github, repository: str, login: str) -> Finding:
    """Of the token's person `login`. Raises GithubError where nothing can be tried at all."""
    what = f"the token's permissions at {repository}"
    told = await github.get(repository_path(repository), 0)
    branch = told.get("default_branch") or "HEAD"
    # What the hive writes with a token beside contents, and where the right to read it shows.
    shown = {
        "issues": repository_path(repository, "/assignees/{}", login),
        "pull_requests": repository_path(repository, "/pulls?per_page=1"),
        "statuses": repository_path(repository, "/commits/{}/statuses?per_page=1", branch),
        "actions": repository_path(repository, "/actions/runs?per_page=1"),
    }
    missing = [] if await github.lets_push(repository, 0) else ["contents: write"]
    read: list[str] = []
    unseen: list[str] = []
    for name, path in shown.items():
        try:
            await github.rest("GET", path, 0)
            read.append(name)
        except Forbidden:
            missing.append(f"{name}: write")
        except Refused:
            unseen.append(name)
    if missing:
        remedy = (
            f"give them at {github.places.url}/settings/personal-access-tokens; an organisation's"
            " owner may have to approve it"
        )
        return Finding(what, False, f"missing {', '.join(missing)}", remedy)
    if not told.get("private", True):
        detail = "contents: write; what else it may write shows only when it does: all is public"
        return Finding(what, True, detail)
    detail = f"contents: write; {', '.join(read)}: read, and whether to write shows when it does"
    if unseen:
        detail += f"; not to be seen: {', '.join(unseen)}"
    return Finding(what, True, detail)
