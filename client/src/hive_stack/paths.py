"""What lies where in a data directory."""

from pathlib import Path

import msgspec


class Paths(msgspec.Struct, frozen=True):
    data: Path

    @property
    def postgres(self) -> Path:
        return self.data / "pg"

    @property
    def nats(self) -> Path:
        return self.data / "nats"

    @property
    def nats_config(self) -> Path:
        return self.secrets / "nats.conf"

    @property
    def redis_config(self) -> Path:
        return self.secrets / "redis.conf"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def binaries(self) -> Path:
        return self.data / "bin"

    @property
    def state(self) -> Path:
        return self.data / "stack.json"

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"
