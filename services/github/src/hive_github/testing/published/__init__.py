"""What GitHub publishes about its answers, its requests and its webhooks, and what differs from it.

`rest.json` and `webhooks.json` are cut from npm's `@octokit/openapi` and
`@octokit/webhooks-schemas` (both MIT) by `services/github/published.py`.
"""

from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
import msgspec


class Published:
    """Gathers `problems`; each is what, where, and what to do."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def check_request(self, operation: str, query: dict[str, str], body: Any) -> list[str]:
        """What of a request is not as described. A body of None is none."""
        described = _read("rest.json")["operations"][operation]
        found = [
            f"{operation}: it knows no query parameter {name!r}"
            for name in query
            if name not in described["query"]
        ]
        validator = _request_validator(operation)
        if validator is not None and body is not None:
            found += [f"{operation}: the request's {_said(e)}" for e in validator.iter_errors(body)]
        self.problems += found
        return found

    def check_answer(self, operation: str, status: int, body: Any) -> list[str]:
        described = _read("rest.json")["operations"][operation]["answers"]
        if str(status) not in described:
            # Refusals are GitHub's everywhere, though it does not describe each.
            found = [f"{operation}: it never answers {status}"] if status < 400 else []
        else:
            validator = _answer_validator(operation, str(status))
            errors = validator.iter_errors(body) if validator is not None else ()
            found = [f"{operation}: the test GitHub's {status}: {_said(e)}" for e in errors]
        self.problems += found
        return found

    def check_webhook(self, event: str, payload: Any) -> list[str]:
        # A property that the App's copy alone has is in each of the schemas.
        errors = _webhook_validator(event, payload.get("action")).iter_errors(payload)
        found = [f"webhook {event} {payload.get('action', '')}: {_said(e)}" for e in errors]
        self.problems += found
        return found


def _said(error: jsonschema_rs.ValidationError) -> str:
    place = "/".join(str(part) for part in error.instance_path)
    return f"{place or 'body'}: {error.message[:400]}"


@cache
def _read(name: str) -> Any:
    return msgspec.json.decode(resources.files(__package__).joinpath(name).read_bytes())


@cache
def _request_validator(operation: str) -> jsonschema_rs.Draft202012Validator | None:
    return _validator("rest.json", _read("rest.json")["operations"][operation]["body"])


@cache
def _answer_validator(operation: str, status: str) -> jsonschema_rs.Draft202012Validator | None:
    found = _read("rest.json")["operations"][operation]["answers"][status]
    return _validator("rest.json", found)


@cache
def _webhook_validator(event: str, action: str | None) -> jsonschema_rs.Draft202012Validator:
    described = _read("webhooks.json")
    name = f"{event}${action}"
    if name not in described["$defs"]:
        name = described["events"][event]
    made = _validator("webhooks.json", {"$ref": f"#/$defs/{name}"})
    assert made is not None
    return made


def _validator(name: str, schema: Any) -> jsonschema_rs.Draft202012Validator | None:
    if schema is None:
        return None
    wanted: dict[str, Any] = {}
    _gather(schema, _read(name)["$defs"], wanted)
    return jsonschema_rs.Draft202012Validator({**schema, "$defs": wanted})


def _gather(schema: Any, every: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Only what a schema reaches is compiled with it."""
    if isinstance(schema, list):
        for item in schema:
            _gather(item, every, wanted)
    elif isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            name = reference.removeprefix("#/$defs/")
            if name not in wanted:
                wanted[name] = every[name]
                _gather(every[name], every, wanted)
        for value in schema.values():
            _gather(value, every, wanted)
