"""Generated secrets, one file each, mode 0600, made once per data directory."""

import secrets
from pathlib import Path

from hive_stack import nats, redis, schemas
from hive_stack.private import write_private


class Vault:
    """The folder of secrets. Whoever may read it may do everything in this hive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self) -> None:
        """Make what is missing; what exists stays as it is."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        names = ["admin.token", "runner.token", "resume.key", "notify.key", "alerts.token"]
        names += [_postgres(service) for service in ("admin", *schemas.LOGINS)]
        names += [_nats(user) for user in nats.USERS]
        names += [_redis(user) for user in redis.RIGHTS]
        for name in names:
            if not (self._folder / name).exists():
                # A letter first: NATS would read a variable of digits as a number.
                write_private(self._folder / name, f"h{secrets.token_hex(32)}\n")

    def admin_token(self) -> str:
        return self._read("admin.token")

    def postgres(self, service: str) -> str:
        """The password of a service's login, or of the server's administrator ("admin")."""
        return self._read(_postgres(service))

    def nats(self, user: str) -> str:
        return self._read(_nats(user))

    def redis(self) -> dict[str, str]:
        """The password of each user."""
        return {user: self._read(_redis(user)) for user in redis.RIGHTS}

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text().strip()


def _postgres(service: str) -> str:
    return f"postgres-{service}.password"


def _nats(user: str) -> str:
    return f"nats-{user}.password"


def _redis(user: str) -> str:
    return f"redis-{user}.password"
