"""What agents were seen to do, or might, in place of their task: shell commands that cheat.

Each is caught and named in what a person sees, or it gains nothing, or `docs/security.md` says that
it is not contained. The commands are run by real runners; who runs them says what must come of it.
"""

from typing import Final

import msgspec

from tests.suites.cheats import claims, gits, leftovers
from tests.suites.cheats.cheat import Cheat

TAMPERING: Final[tuple[Cheat, ...]] = (*gits.CHEATS, *leftovers.CHEATS)
"""Those for which it matters what of the runner's folders a command sees."""
CHEATS: Final[tuple[Cheat, ...]] = (*claims.CHEATS, *TAMPERING)


class Statement(msgspec.Struct, frozen=True):
    """Something that is not contained, in the words of `docs/security.md`."""

    name: str
    words: str


STATEMENTS: Final = (
    Statement("a quick daemon without a sandbox", "gets away, without control groups or a sandbox"),
    Statement("secrets without a sandbox", "the tokens and passwords in `secrets/`"),
    Statement("approving its own work", "it can approve its own work with the token it reads"),
    Statement("pushing to a repository", "it can push to any repository that it can write to"),
    Statement("killing what it likes", "it can end any process of that user"),
    Statement("keys in HOME", "A command can read your keys"),
    Statement("sending what it read", "A command can send what it can read"),
    Statement("sockets", "Docker's, an SSH agent's, the session bus"),
    Statement("forged names and dates", "names and dates that it likes"),
    Statement("kept work of others", "kept work of other attempts in it among it"),
    Statement("memory files", "Files in `/dev/shm` take memory that no limit counts"),
    Statement("a suite that lies", "A gate believes the suite that it runs"),
)
