"""Where a pull request waits for a person."""


class Stuck(Exception):
    """A person has to do something first."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
