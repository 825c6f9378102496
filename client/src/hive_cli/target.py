"""Which hive a command speaks to, and as which trace."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hive_cli.problems import Problem
from hive_client.address import find_address
from hive_client.errors import NotAllowed
from hive_client.hive import Hive
from hive_shared import telemetry
from hive_shared.settings import ClientSettings, load

T = TypeVar("T")

Work = Callable[[Hive], Awaitable[T]]


def ask_hive(work: Work[T], *, patience: float = 30, traceparent: str = "") -> T:
    """Do some work with a connected hive.

    `patience`: seconds for which a hive that stops to answer is waited for.
    """
    settings = load(ClientSettings)
    found = find_address(settings)

    async def connected() -> T:
        hive = Hive(found.gateway, found.token, patience=patience, traceparent=traceparent)
        async with hive:
            return await work(hive)

    try:
        return asyncio.run(connected())
    except NotAllowed as error:
        if error.code != "unauthenticated":
            raise
        raise Problem(
            f"{error.message}: the hive at {found.gateway} does not take it", code=error.code,
            where=str(settings.token_path),
            remedy="set HIVE_TOKEN_FILE to the file of a token of that hive; on its own machine"
            " that is secrets/admin.token in its data directory",
        ) from error  # fmt: skip


def tell_hive(name: str, work: Work[T]) -> T:
    """The same for work that changes something: one traced step, of this name."""
    endpoint = load(ClientSettings).otlp_endpoint
    with telemetry.configure("cli", endpoint), telemetry.span(f"hive {name}") as step:
        return ask_hive(work, traceparent=step.traceparent)
