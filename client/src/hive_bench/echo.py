"""An empty gRPC echo: `python -m hive_bench.echo` prints its port and serves until its stdin ends.

What a call costs when nothing is done for it, in a process of its own as a gateway is.
"""

import asyncio
import sys
from typing import Any, Final

import grpc
from grpc import aio

SERVICE: Final = "hive.bench.Echo"
METHOD: Final = f"/{SERVICE}/Echo"


async def _echo(request: bytes, context: aio.ServicerContext[Any, Any]) -> bytes:
    return request


async def serve() -> None:
    server = aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(serve())
