"""Free ports in a row: what commands in a worktree get as `${port.0}` and so on."""

import errno
import socket


def is_free(port: int) -> bool:
    """Whether nobody listens there, on any address. Closed connections do not count."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
                probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            # The machine has no such family.
            continue
    return True


def are_free(first: int, count: int) -> bool:
    """Whether so many ports in a row are free, now."""
    return all(map(is_free, range(first, first + count)))
