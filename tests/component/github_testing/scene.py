"""A test GitHub with a repository, an App, people, and somebody who takes its deliveries."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hive_github.testing import App, GitHub, Installation, Repository, TestClock

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Reads no certificates, which takes 0.1 s."""
SECRET = "of the webhook"
FILES = {"README.md": "hello\n", "shop.py": "one\ntwo\nthree\n"}


class Took(msgspec.Struct, frozen=True):
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def name(self) -> str:
        action = self.payload.get("action")
        event = self.headers["X-GitHub-Event"]
        return f"{event}.{action}" if action else event


class Receiver:
    """Takes deliveries; `answers` is what it says, one after the other, and then 202."""

    def __init__(self) -> None:
        self.took: list[Took] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.took.append(Took(dict(self.headers.items()), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks"

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.took]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


@cache
def _loaded(pem: str) -> RSAPrivateKey:
    """Once in each process: to check a key takes longer than most requests."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


class Scene:
    """`acme/shop`, where `ada` and `bob` write and `eve` is a stranger."""

    def __init__(self, github: GitHub, receiver: Receiver, **app: Any) -> None:
        self.github = github
        self.receiver = receiver
        self.shop: Repository = github.repository(
            "acme/shop", files=FILES, collaborators={"ada": "write", "bob": "write"}
        )
        self.app: App = github.app(webhook_url=receiver.url, webhook_secret=SECRET, **app)
        self.at: Installation = github.install(self.app, "acme")
        self.ada = github.person("ada")
        self.bob = github.person("bob")
        self.eve = github.person("eve")
        self._clients: list[httpx.Client] = []

    def client(self, bearer: str | None) -> httpx.Client:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        made = httpx.Client(
            base_url=self.github.api_url, headers=headers, trust_env=False, verify=NO_TLS
        )
        self._clients.append(made)
        return made

    def jwt(self, **claims: Any) -> str:
        now = int(self.github.clock.now())
        told = {"iat": now - 60, "exp": now + 500, "iss": self.app.client_id, **claims}
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(kept, _loaded(self.github.private_key(self.app)), "RS256")

    def as_app(self) -> httpx.Client:
        return self.client(self.jwt())

    def token(self, **asked: Any) -> str:
        path = f"/app/installations/{self.at.id}/access_tokens"
        return str(self.as_app().post(path, json=asked).json()["token"])

    def as_installation(self, **asked: Any) -> httpx.Client:
        return self.client(self.token(**asked))

    def as_person(self, login: str, **told: Any) -> httpx.Client:
        return self.client(self.github.personal_token(login, **told).value)

    def names(self) -> list[str]:
        """What was told, once all is told."""
        self.github.settle()
        return self.receiver.names

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def scene(receiver: Receiver, **told: Any) -> Iterator[Scene]:
    with GitHub(clock=TestClock(), **told) as github:
        made = Scene(github, receiver)
        try:
            yield made
        finally:
            made.close()


def graph(client: httpx.Client, scene: Scene, query: str, **variables: Any) -> Any:
    answer = client.post(scene.github.graphql_url, json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return answer.json()


REPOSITORY = "/repos/acme/shop"
