"""What can be wrong with a machine or a data directory, each with the way out."""


class StackError(Exception):
    """The stack cannot be started, stopped or read; nothing half-made was left behind.

    `where` is the file, port or program concerned, `remedy` what the person can do about it.
    """

    def __init__(self, code: str, message: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{message} ({where}); {remedy}")
        self.code = code
        self.message = message
        self.where = where
        self.remedy = remedy
