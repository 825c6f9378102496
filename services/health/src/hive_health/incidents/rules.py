"""The file of incidents, as it is now. A file that is wrong changes nothing, and is named."""

import logging
from pathlib import Path

from hive_contracts.files.document import FileProblem
from hive_contracts.files.incidents import IncidentsFile, parse_incidents

_log = logging.getLogger("hive.health.incidents")


class Rules:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = IncidentsFile()
        self.problem = ""
        """What is wrong with it; empty where nothing is."""
        self._seen: tuple[int, int] | None = None
        self.look()

    def look(self) -> None:
        """Read it where it has changed."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self.file, self.problem, self._seen = IncidentsFile(), "", None
            return
        except OSError as error:
            self.problem = f"{self.path}: it cannot be read: {error.strerror}"
            return
        seen = status.st_mtime_ns, status.st_size
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.file, self.problem = parse_incidents(self.path.read_text(), str(self.path)), ""
        except (OSError, UnicodeDecodeError) as error:
            self.problem = f"{self.path}: it cannot be read: {error}"
        except FileProblem as error:
            self.problem = str(error)
        if self.problem:
            _log.warning("the file of incidents is wrong, the one before counts: %s", self.problem)
