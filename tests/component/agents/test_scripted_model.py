"""The scripted model: which answer is due, in the words of each API."""

import json
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected
from typing import Any

import pytest

from hive_runner.testing import ScenarioProblem, ScriptedModel, parse_scenario, serving

SCENARIO = """
[[conversation]]
match = "second attempt"
[[conversation.turn]]
say = "Again."

[[conversation]]
[[conversation.turn]]
say = "I look."
run = "ls"
usage = {input = 100, cached = 60, output = 7}
[[conversation.turn]]
calls = [{tool = "read", arguments = {path = "a"}}]
[[conversation.turn]]
say = "Done."
"""

APIS = {
    "/v1/responses": ("exec_command", "cmd"),
    "/v1/chat/completions": ("bash", "command"),
    "/v1/messages": ("Bash", "command"),
}


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with serving(parse_scenario(SCENARIO)) as model:
        yield model


def request(api: str, said: str, answers: int = 0, tools: bool = True) -> dict[str, Any]:
    """What an agent sends after so many answers of the model."""
    tool, _ = APIS[api]
    messages: list[dict[str, Any]] = [{"role": "user", "content": said}]
    for number in range(answers):
        if api == "/v1/responses":
            messages += [
                {"type": "reasoning"},
                {"type": "message", "role": "assistant", "content": []},
                {"type": "function_call", "name": tool, "call_id": str(number)},
                {"type": "function_call_output", "call_id": str(number), "output": "x"},
            ]
        else:
            result: dict[str, Any] = {"role": "tool", "content": "x"}
            if api == "/v1/messages":
                result = {"role": "user", "content": [{"type": "tool_result", "content": "x"}]}
            messages += [{"role": "assistant", "content": "…"}, result]
    offered: list[dict[str, Any]] = [{"name": "read"}, {"name": tool}]
    if api == "/v1/chat/completions":
        offered = [{"type": "function", "function": tool} for tool in offered]
    return {
        ("input" if api == "/v1/responses" else "messages"): messages,
        "tools": offered if tools else [],
    }


def ask(model: ScriptedModel, path: str, body: object, method: str = "POST") -> tuple[int, str]:
    host = model.url.removeprefix("http://").partition("/")[0]
    connection = HTTPConnection(host, timeout=10)
    connection.request(method, path, json.dumps(body))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def played(model: ScriptedModel, api: str, said: str, answers: int = 0) -> str:
    status, text = ask(model, api, request(api, said, answers))
    assert status == 200, text
    return text


@pytest.mark.parametrize("api", APIS)
def test_the_turn_follows_from_the_conversation_that_is_sent(
    model: ScriptedModel, api: str
) -> None:
    tool, argument = APIS[api]
    for _ in range(2):  # asked again, it says the same
        first = played(model, api, "Do it.")
        assert "I look." in first
        assert tool in first
        assert f'{argument}\\":\\"ls' in first
        assert "Done." in played(model, api, "Do it.", answers=2)
    assert "read" in played(model, api, "Do it.", answers=1)
    assert "Again." in played(model, api, "This is the second attempt.")


@pytest.mark.parametrize("api", APIS)
def test_usage_is_what_the_turn_says(model: ScriptedModel, api: str) -> None:
    said = played(model, api, "Do it.")
    assert ("60" in said, "7" in said) == (True, True)
    # Messages counts what came from the cache apart.
    assert ('"input_tokens":40' in said) == (api == "/v1/messages")


@pytest.mark.parametrize("api", APIS)
def test_a_request_without_tools_is_for_a_title_and_no_part_of_the_scenario(
    model: ScriptedModel, api: str
) -> None:
    status, text = ask(model, api, request(api, "Name it.", tools=False))
    assert (status, "A scripted conversation" in text) == (200, True)


@pytest.mark.parametrize("api", APIS)
def test_an_agent_that_goes_on_after_the_last_turn_is_told_so(
    model: ScriptedModel, api: str
) -> None:
    status, text = ask(model, api, request(api, "Do it.", answers=3))
    assert (status, "has 3 turns" in text) == (400, True)
    assert "has 3 turns" in model.heard[-1].became


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/embeddings", {}, 404),
        ("/v1/responses", [], 400),
        ("/v1/messages", {"messages": [1]}, 400),
        ("/v1/chat/completions", {"messages": [], "tools": [{}]}, 400),
    ],
)
def test_what_it_does_not_understand_is_refused(
    model: ScriptedModel, path: str, body: object, status: int
) -> None:
    assert ask(model, path, body)[0] == status


def test_its_model_is_listed(model: ScriptedModel) -> None:
    assert '"scripted"' in ask(model, "/v1/models", None, "GET")[1]


def faulty(fault: str) -> str:
    return f"[[conversation]]\n[[conversation.turn]]\nsay = 'Done.'\nfault = {fault}\n"


def test_a_limit_says_when_it_is_lifted_and_strikes_as_often_as_it_should() -> None:
    with serving(parse_scenario(faulty("{kind = 'limit', resets_in = 3723, times = 2}"))) as model:
        for _ in range(2):
            status, text = ask(model, "/v1/responses", request("/v1/responses", "Do it."))
            error = json.loads(text)["error"]
            assert (status, error["resets_in_seconds"]) == (429, 3723)
            assert error["resets_at"] == pytest.approx(time.time() + 3723, abs=5)
            assert "try again in 1h2m3s" in error["message"]
        assert "Done." in played(model, "/v1/responses", "Do it.")
        assert [heard.became for heard in model.heard] == ["limit", "limit", "answer"]


def test_an_error_has_its_status_and_its_text() -> None:
    with serving(
        parse_scenario(faulty("{kind = 'error', status = 401, message = 'No.'}"))
    ) as model:
        status, text = ask(model, "/v1/messages", request("/v1/messages", "Do it."))
    assert (status, json.loads(text)["error"]["message"]) == (401, "No.")


def test_a_cut_answer_ends_before_its_end() -> None:
    with serving(parse_scenario(faulty("{kind = 'cut'}"))) as model:
        status, text = ask(model, "/v1/responses", request("/v1/responses", "Do it."))
    assert (status, "response.created" in text, "completed" in text) == (200, True, False)


def test_a_stall_lasts_until_somebody_hangs_up_or_the_server_is_closed() -> None:
    model = ScriptedModel(parse_scenario(faulty("{kind = 'stall'}")))
    answers: list[object] = []

    def wait() -> None:
        try:
            answers.append(ask(model, "/v1/responses", request("/v1/responses", "Do it.")))
        except (OSError, RemoteDisconnected) as error:
            answers.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    model.close()
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_command_without_a_tool_for_it_is_named() -> None:
    with serving(parse_scenario(SCENARIO)) as model:
        body = request("/v1/responses", "Do it.") | {"tools": [{"name": "read"}]}
        status, text = ask(model, "/v1/responses", body)
    assert (status, "no tool that runs a command; it has: read" in text) == (400, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "conversation"),
        ("[[conversation]]\nmatch = '('\nturn = []\n", "no regular expression"),
        ("[[conversation]]\n[[conversation.turn]]\nsays = 'x'\n", "unknown field `says`"),
        ("[[conversation]]\n[[conversation.turn]]\nfault = {kind = 'fire'}\n", "fire"),
        ("conversation = ", "Invalid value"),
    ],
)
def test_a_scenario_that_cannot_be_played_says_why(text: str, said: str) -> None:
    with pytest.raises(ScenarioProblem) as problem:
        parse_scenario(text)
    assert said in str(problem.value)
