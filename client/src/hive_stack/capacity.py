"""How many runners are wanted: asked over HTTP again and again, beside the supervisor's loop."""

import http.client
import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from hive_stack.ports import LOOPBACK

ASK_S: Final = 2.0
EVERY_S: Final = 2.0

_log = logging.getLogger("hive.stack")


class _Capacity(msgspec.Struct, frozen=True):
    runners_desired: int | None = None


class _Runner(msgspec.Struct, frozen=True):
    name: str
    state: str
    working: int = 0


class Wanted(msgspec.Struct, frozen=True):
    """What the gateway answers at `/capacity`, as far as it matters here."""

    capacity: _Capacity = _Capacity()
    runners: tuple[_Runner, ...] = ()

    @property
    def runners_desired(self) -> int | None:
        return self.capacity.runners_desired

    def working(self, name: str) -> int | None:
        """Attempts that a runner holds; None where it is not heard."""
        heard = [r for r in self.runners if r.name == name and r.state == "alive"]
        return max((runner.working for runner in heard), default=None)


NOTHING: Final = Wanted()


def ask(port: int, token: str) -> Wanted:
    """Nothing known, where nobody answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_S)
    try:
        connection.request("GET", "/capacity", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        return msgspec.json.decode(body, type=Wanted) if answer.status == 200 else NOTHING
    except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
        _log.debug("nobody says how many runners are wanted: %s", error)
        return NOTHING
    finally:
        connection.close()


class Follower:
    """Asks in a thread of its own: a gateway that hangs must not hold up the supervisor."""

    def __init__(self, asking: Callable[[], Wanted]) -> None:
        self._asking = asking
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.wanted = NOTHING
        self.answers = 0
        """How often it was asked: each answer is followed once."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="capacity", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * ASK_S)

    def _follow(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.wanted = self._asking()
            self.answers += 1
