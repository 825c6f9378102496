"""Is the gateway ready? Asked over HTTP, as anybody may."""

import http.client
from typing import Final

import msgspec

from hive_stack.ports import LOOPBACK

ASK_S: Final = 2.0


class Check(msgspec.Struct, frozen=True):
    name: str
    ok: bool
    reason: str = ""
    needed: bool = True


class Readiness(msgspec.Struct, frozen=True):
    status: str
    checks: tuple[Check, ...] = ()

    @property
    def ready(self) -> bool:
        return self.status == "ready"

    def reasons(self) -> str:
        """Why it is not ready, for an error message."""
        return ", ".join(
            f"{check.name}: {check.reason}"
            for check in self.checks
            if check.needed and not check.ok
        )

    def reason(self, name: str) -> str:
        """What is not right with one of the checks; empty where it is, or is not known."""
        return next((check.reason for check in self.checks if check.name == name), "")


def ask(port: int, token: str) -> Readiness:
    """What `/health/ready` says; not ready, with the reason, where nobody answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_S)
    try:
        connection.request("GET", "/health/ready", headers={"Authorization": f"Bearer {token}"})
        return msgspec.json.decode(connection.getresponse().read(), type=Readiness)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
        return Readiness("not ready", (Check("gateway", False, str(error)),))
    finally:
        connection.close()
