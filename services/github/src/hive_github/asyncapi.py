"""The github service's AsyncAPI document: `python -m hive_github.asyncapi` prints it."""

import sys

import msgspec

from hive_contracts.github.questions import (
    EXAMINE,
    OPEN_PULL_REQUEST,
    SHOW_PULL_REQUEST,
    Examination,
    Examine,
    OpenPullRequest,
    PullRequestStatus,
    ShowPullRequest,
)
from hive_contracts.health import GITHUB_STATUS, GithubStatus, GithubStatusQuery
from hive_github.edge import broker_for
from hive_shared.asyncapi import Exchange, document
from hive_shared.settings import GithubSettings


def github_document() -> dict[str, object]:
    exchanges = {
        GITHUB_STATUS: Exchange(GithubStatusQuery, GithubStatus),
        OPEN_PULL_REQUEST: Exchange(OpenPullRequest, PullRequestStatus),
        SHOW_PULL_REQUEST: Exchange(ShowPullRequest, PullRequestStatus),
        EXAMINE: Exchange(Examine, Examination),
    }
    broker = broker_for("nats://localhost:4222", GithubSettings())
    return document(broker, "Agent Hive: github", exchanges)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(github_document())) + b"\n")
