"""Files that nobody but their owner may read, written whole or not at all."""

import os
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Replace a file, mode 0600 from its first byte on."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
