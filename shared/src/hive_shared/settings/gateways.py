"""Several gateways as one target of gRPC: `host:port,host:port`.

A call goes to one of those that answer, the next one to another. One that is gone is left out at
once, and tried again beside the calls, which do not wait for it. Names are looked up once, here; a
single address is left to gRPC, which looks it up again.
"""

import socket
from typing import Final

Options = tuple[tuple[str, str | int], ...]

_ROUND_ROBIN: Final = '{"loadBalancingConfig": [{"round_robin": {}}]}'


def listed(addresses: str) -> list[str]:
    return [each.strip() for each in addresses.split(",") if each.strip()]


def target(addresses: str) -> tuple[str, Options]:
    """What to open a channel to, and its options. Raises OSError for a name that nobody knows."""
    known = listed(addresses)
    if len(known) < 2:
        return addresses.strip(), ()
    found = [place for each in known for place in _places(each)]
    options = (("grpc.service_config", _ROUND_ROBIN),)
    return f"ipv4:{','.join(dict.fromkeys(found))}", options


def _places(address: str) -> list[str]:
    host, _, number = address.rpartition(":")
    if not (host and number.isdecimal()):
        raise OSError(f"{address!r} is no host:port")
    told = socket.getaddrinfo(host, int(number), socket.AF_INET, socket.SOCK_STREAM)
    return [f"{place[0]!s}:{number}" for *_, place in told]
