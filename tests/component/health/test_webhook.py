"""A webhook is signed, goes nowhere else, and what is wrong with it is said without its secrets."""

import pytest

from hive_health.webhook import WebhookFailed, signature, webhooks
from tests.suites.webhook import taking

KEY = b"a key"


async def test_a_webhook_is_signed_and_names_its_effect() -> None:
    async with taking() as taker, webhooks(KEY) as posting:
        await posting.post(taker.url, b'{"a":1}', "effect")
    [taken] = taker.taken
    assert taken.body == b'{"a":1}'
    assert taken.headers["hive-effect"] == "effect"
    assert taken.headers["hive-signature-256"] == "sha256=" + signature(KEY, taken.body)
    assert taken.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"500 Oops", "127.0.0.1 answers 500"),
        (b"302 Found\r\nLocation: http://127.0.0.1:1/elsewhere", "127.0.0.1 answers 302"),
        (b"", "127.0.0.1 does not answer: RemoteProtocolError"),
    ],
)
async def test_what_is_not_taken_is_a_failure(answer: bytes, said: str) -> None:
    async with taking() as taker, webhooks(KEY) as posting:
        taker.answers = [answer]
        with pytest.raises(WebhookFailed) as failure:
            await posting.post(taker.url, b"{}", "effect")
    assert str(failure.value) == said
    assert len(taker.taken) == 1


async def test_nobody_there_is_a_failure_that_does_not_tell_the_url() -> None:
    async with webhooks(KEY) as posting:
        with pytest.raises(WebhookFailed) as failure:
            await posting.post("http://127.0.0.1:1/secret-token", b"{}", "effect")
    assert str(failure.value) == "127.0.0.1 does not answer: ConnectError"


async def test_an_answer_without_end_is_not_read() -> None:
    async with taking() as taker, webhooks(KEY) as posting:
        taker.answers = [b"200 OK\r\nContent-Length: 1000000000000"]
        await posting.post(taker.url, b"{}", "effect")
