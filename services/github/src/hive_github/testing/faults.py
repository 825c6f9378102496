"""What a script lets go wrong with requests."""

import fnmatch
from typing import Literal

import msgspec

Kind = Literal["secondary", "too_many", "bad_gateway", "unavailable", "slow", "cut", "dropped"]


class Fault(msgspec.Struct, kw_only=True):
    """Strikes requests of a method whose path matches a pattern, as often as `times` says.

    `secondary`     403 with Retry-After, as a secondary limit
    `too_many`      429 with Retry-After
    `bad_gateway`   502 in HTML
    `unavailable`   503
    `slow`          the answer waits for `seconds`
    `cut`           the connection ends in the middle of the answer
    `dropped`       the connection ends before any answer

    With `done`, what was asked is done all the same, and only the answer suffers: that is what
    `cut` and `slow` always mean.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    """Without the base, as `/repos/acme/shop/issues/*`; `/graphql` and git's paths, too."""
    times: int = 1
    after: int = 0
    """How many that match pass before it strikes."""
    seconds: float = 60
    """How long `slow` waits, and what Retry-After says."""
    no_retry_after: bool = False
    done: bool = False
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Counts as it looks."""
        if self.times <= 0 or self.method not in ("*", method):
            return False
        if not fnmatch.fnmatchcase(path, self.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        self.struck += 1
        return True
