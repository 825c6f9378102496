"""Reads what matters of the log of a job of Actions. Adapter."""

from typing import Final

from hive_contracts.github.places import repository_path
from hive_github.api.errors import Refused
from hive_github.api.github import Github
from hive_github.pulls.excerpt import Excerpt

ACTIONS: Final = "github-actions"
"""The App whose check runs are jobs, of the same number."""


async def log_of(github: Github, full_name: str, installation: int, job: int, most: int) -> str:
    """At most so many characters; empty where there is none to be had, any more or for us.

    Raises GithubError.
    """
    excerpt = Excerpt()
    path = repository_path(full_name, "/actions/jobs/{}/logs", job)
    try:
        await github.flow(path, installation, excerpt.feed)
    except Refused:
        return ""
    return excerpt.text(most)
