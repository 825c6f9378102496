"""Webhooks and their deliveries, as JSON."""

from typing import Any

from hive_github.testing import registry
from hive_github.testing.hooks import Delivery
from hive_github.testing.model import Account, Hook
from hive_github.testing.refusals import Refused
from hive_github.testing.routes import Answer, Call
from hive_github.testing.shapes import repositories
from hive_github.testing.world import World


def config(one: Hook) -> dict[str, Any]:
    secret = {"secret": "********"} if one.secret else {}
    return {"content_type": "json", "insecure_ssl": "0", "url": one.url, **secret}


def hook(world: World, one: Hook) -> dict[str, Any]:
    assert one.repository is not None
    url = f"{repositories.url(world, one.repository)}/hooks/{one.id}"
    return {
        "type": "Repository",
        "id": one.id,
        "name": "web",
        "active": one.active,
        "events": list(one.events),
        "config": config(one),
        "updated_at": one.updated_at,
        "created_at": one.created_at,
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def ping(world: World, one: Hook, sender: Account) -> None:
    assert one.repository is not None
    said = {"zen": "Keep it logically awesome.", "hook_id": one.id, "hook": hook(world, one)}
    world.courier.send(one, "ping", {**said, **registry.context(world, one.repository, sender)})


def item(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": one.delivered_at,
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


def delivery(one: Delivery) -> dict[str, Any]:
    found = {
        **item(one),
        "url": one.hook.url,
        "request": {"headers": one.headers, "payload": one.payload},
        "response": {"headers": one.answer_headers, "payload": one.answer_body},
    }
    del found["throttled_at"]
    return found


def page_of(call: Call, of: Hook) -> Answer:
    """The newest first, with a cursor."""
    found = [one for one in reversed(call.world.courier.log) if one.hook is of]
    match call.query.get("status"):
        case "success":
            found = [one for one in found if one.ok]
        case "failure":
            found = [one for one in found if not one.ok and one.status != "pending"]
    cursor = call.query.get("cursor", "")
    if cursor:
        if not cursor.startswith("v1_") or not cursor[3:].isdigit():
            raise Refused(400, "Invalid cursor")
        found = [one for one in found if one.id <= int(cursor[3:])]
    size = max(1, min(100, int(call.query.get("per_page") or 30)))
    shown, rest = found[:size], found[size:]
    headers = {}
    if rest:
        url = f"{call.world.api}{call.path}?per_page={size}&cursor=v1_{rest[0].id}"
        if "status" in call.query:
            url += f"&status={call.query['status']}"
        headers["Link"] = f'<{url}>; rel="next"'
    return Answer(body=[item(one) for one in shown], headers=headers)
