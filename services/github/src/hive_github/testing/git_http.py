"""git over HTTP: `git http-backend` as a CGI program, after the token has been looked at."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import Response


async def answered(
    environment: Mapping[str, str],
    folder: Path,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    user: str,
) -> Response:
    """What git says to one request for the repository under `folder`/`path`."""
    variables = {
        **environment,
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
    }
    if encoding := headers.get("content-encoding"):
        variables["HTTP_CONTENT_ENCODING"] = encoding
    if protocol := headers.get("git-protocol"):
        variables["GIT_PROTOCOL"] = protocol
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=variables,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await process.communicate(body)
    head, _, content = said.partition(b"\r\n\r\n")
    fields = [line.partition(": ")[::2] for line in head.decode("latin-1").split("\r\n")]
    told = {name.lower(): value for name, value in fields if name}
    status = int(told.pop("status", "200").split(" ")[0])
    return Response(content, status, told)
