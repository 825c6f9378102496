"""What the test GitHub refuses, as GitHub words it, and what it does not know."""

from typing import Any

DOCS = "https://docs.github.com/rest"


class Refused(Exception):
    """A request is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        said: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            said["errors"] = self.errors
        return {**said, "documentation_url": DOCS, "status": str(self.status)}


class Problems(Exception):
    """What the test GitHub did not know, or what did not match GitHub's descriptions."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["the test GitHub saw:", *problems]))
        self.problems = problems


def not_found() -> Refused:
    return Refused(404, "Not Found")


def invalid(resource: str, field: str, code: str = "invalid", message: str = "") -> Refused:
    error = {"resource": resource, "field": field, "code": code}
    return Refused(
        422, "Validation Failed", [{**error, **({"message": message} if message else {})}]
    )
