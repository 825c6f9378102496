"""The people who have tokens, as their file says at this moment. Adapter."""

import logging
from pathlib import Path

from hive_shared.people import Person, Unusable, read_people

_log = logging.getLogger("hive.gateway")

_Sight = tuple[int, int, int, int] | None


class People:
    """Looks at the file at each call: whoever was taken out of it is out at once.

    A file that cannot be believed lets nobody in, until it is mended: better that than somebody
    whose token was revoked. The tokens of the stack itself are not in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: _Sight = None
        self._people: tuple[Person, ...] = ()
        self.problem = ""
        """Why the file is not believed; empty where it is."""

    def now(self) -> tuple[Person, ...]:
        seen = self._sight()
        if seen != self._seen:
            try:
                self._people, self.problem = read_people(self._path), ""
            except Unusable as error:
                self._people, self.problem = (), str(error)
                _log.error("no person's token counts: %s", error)
            self._seen = seen
        return self._people

    def _sight(self) -> _Sight:
        """Another one whenever the file was changed or replaced."""
        try:
            at = self._path.stat()
        except OSError:
            return None
        return at.st_ino, at.st_mtime_ns, at.st_ctime_ns, at.st_size
