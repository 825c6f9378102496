"""Handlers of REST, by noun. Importing this package registers them all."""

from hive_github.testing.rest import (
    apps,
    checks,
    comments,
    issues,
    pulls,
    repositories,
    reviews,
)
from hive_github.testing.routes import ROUTES

__all__ = [
    "ROUTES",
    "apps",
    "checks",
    "comments",
    "issues",
    "pulls",
    "repositories",
    "reviews",
]
