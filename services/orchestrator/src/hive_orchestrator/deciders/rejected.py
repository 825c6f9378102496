"""How a decider says no."""


class Rejected(Exception):
    """The command cannot be done in this state; nothing was changed.

    `code` is one of `hive_contracts.submit.Refused`'s, `where` names the part of the input,
    `remedy` says what to do.
    """

    def __init__(self, code: str, message: str, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.remedy = remedy
