"""git over HTTP: one request is one call of git, after the token has been looked at."""

import asyncio
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.responses import Response

SERVICES: Final = ("git-upload-pack", "git-receive-pack")


async def answered(
    environment: Mapping[str, str],
    path: Path,
    *,
    asked: str,
    service: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Response:
    """What git says of the repository at `path`, as `git http-backend` would pass it on.

    `asked` is `info/refs` or the name of the service.
    """
    if service not in SERVICES:
        return Response("Unsupported service\n", 403, media_type="text/plain")
    shows = asked == "info/refs"
    protocol = headers.get("git-protocol", "")
    if headers.get("content-encoding") == "gzip":
        body = await asyncio.to_thread(gzip.decompress, body)
    process = await asyncio.create_subprocess_exec(
        "git", service.removeprefix("git-"), "--stateless-rpc",
        *(["--http-backend-info-refs"] if shows else []), str(path),
        env={**environment, "GIT_PROTOCOL": protocol},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate(body)
    if shows and "version=2" not in protocol.split(":"):
        announced = f"# service={service}\n"
        said = f"{len(announced) + 4:04x}{announced}0000".encode() + said
    kind = "advertisement" if shows else "result"
    fresh = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}
    return Response(said, 200, fresh, media_type=f"application/x-{service}-{kind}")
