"""The gateway's process: `python -m hive_gateway`."""

import time
from typing import Final

from hive_gateway.asking_github import AskingGithub
from hive_gateway.asking_health import AskingHealth
from hive_gateway.bus_state import BusState
from hive_gateway.door import Door
from hive_gateway.events import Events
from hive_gateway.github import Github
from hive_gateway.health import Dependencies
from hive_gateway.hints import Hints
from hive_gateway.http import SELF, Pages, address_of
from hive_gateway.http import serving as serving_http
from hive_gateway.live import Live
from hive_gateway.logs.news import TaskNews
from hive_gateway.logs.service import Logs
from hive_gateway.logs.tails import Tails, opened
from hive_gateway.metrics import Metrics
from hive_gateway.missions import Missions
from hive_gateway.operations import Operations
from hive_gateway.orchestrator import Orchestrator
from hive_gateway.people import People
from hive_gateway.resume import ResumeTokens
from hive_gateway.retention.sweep import Deleted, Sweep
from hive_gateway.secret_files import resume_key, tokens_of
from hive_gateway.server import SERVICES, Services
from hive_gateway.server import serving as serving_grpc
from hive_gateway.sessions import Runners
from hive_gateway.submitter import Submitter
from hive_gateway.transfer import ArtifactTransfer
from hive_gateway.views.projection import ViewsProjection
from hive_gateway.views.reader import ViewsReader
from hive_gateway.watching import Watchers
from hive_shared.artifacts import Artifacts
from hive_shared.bus.connection import connected
from hive_shared.bus.live import LiveBus
from hive_shared.clock import SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.profiles import profiles_of
from hive_shared.settings import GatewaySettings, nats_url, postgres_url, redis_url
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.projector import Projector

CONNECTIONS: Final = 8
LEFTOVER_SECONDS: Final = 24 * 3600


async def start(shell: Shell, settings: GatewaySettings) -> None:
    clock, hints = SystemClock(), Hints()
    people = People(settings.people_path)
    tokens, key = tokens_of(settings, people), resume_key(settings)
    artifacts = Artifacts(settings.artifacts)
    artifacts.discard_leftovers(time.time() - LEFTOVER_SECONDS)
    artifacts.put_back()

    pool = await shell.enter(await open_pool(postgres_url(settings), CONNECTIONS))
    store = PostgresEventStore(pool)
    client = await shell.enter(connected(nats_url(settings), "gateway", subscribe=hints.subscribe))
    views_feed, live_feed = (Feed(store, clock, LiveBus(client)) for _ in range(2))
    projector = Projector(pool, "gateway", ViewsProjection(), views_feed, store, clock)
    live = Live(store, live_feed, clock)
    views = ViewsReader(pool, projector)
    watchers = Watchers(views, projector)
    orchestrator = Orchestrator(client)
    submitter = Submitter(orchestrator)
    metrics = Metrics()
    redis = await shell.enter(opened(redis_url(settings)))
    tails = Tails(redis, clock, metrics.tails_dropped.inc)
    news = TaskNews(projector, clock)
    deleted = Deleted(pool)
    transfer = ArtifactTransfer(artifacts, deleted.at)
    sweep = Sweep(pool, store, artifacts, settings.artifacts_retention, clock)
    runners = Runners(orchestrator, submitter, transfer, tails, views)
    dependencies = Dependencies(store, client, orchestrator, projector, tails, people, clock)
    metrics.gauge("sessions", "Sessions of runners that are open here", lambda: len(runners))
    metrics.gauge("watchers", "Callers that follow a mission", lambda: len(watchers))
    metrics.gauge("log_readers", "Callers that read a task's output", lambda: len(news))
    metrics.gauge("commands_waiting", "Commands that wait to be sent", lambda: len(submitter))
    metrics.gauge("batches", "Requests sent to the orchestrator", lambda: submitter.batches)
    metrics.gauge(
        "views_position", "The read models' position", lambda: projector.status().position
    )
    metrics.gauge("record_head", "The record's last position", lambda: projector.status().head)
    probe = PoolProbe("gateway", pool, clock)
    shell.vitals.handling(projector.handling)
    shell.vitals.queue("commands", lambda: len(submitter))
    shell.vitals.needs(dependencies.needs)
    shell.vitals.pool(probe.use)
    shell.vitals.disk(settings.data)
    shell.vitals.runners(runners.heard)
    shell.vitals.counters(metrics.counted)
    hints.on_appended(views_feed.hint)
    hints.on_appended(live_feed.hint)
    hints.on_orders(runners.hinted)

    for loop, name in (
        (projector.run(), "views"),
        (live.run(), "live"),
        (orchestrator.canaries(shell.instance, settings.beat, clock), "canaries"),
        (dependencies.run(SERVICES), "dependencies"),
        (probe.run(), "pool"),
        (beat(shell, client), "heartbeats"),
        (sweep.run(), "retention"),
    ):
        shell.spawn(loop, name)
    if redis is not None:
        shell.spawn(tails.run(), "tails")
    health = AskingHealth(client)
    services = Services(
        Missions(
            submitter,
            views,
            watchers,
            store,
            profiles_of(settings.profiles),
            tokens.judges,
            AskingGithub(client).check_configured,
        ),
        runners,
        Events(store, live, views, ResumeTokens(key)),
        Logs(store, news, tails, artifacts, deleted, clock),
        Operations(views, pool, store, BusState(client, store, clock), health, clock),
        Github(client),
        dependencies.grpc,
    )
    pages = Pages(dependencies, tokens, metrics, health, shell.version)
    host = settings.gateway_host
    app = pages.app((*SELF, host, *settings.gateway_names))
    await shell.enter(
        serving_grpc(services, Door(tokens, metrics, clock), host, settings.gateway_grpc_port)
    )
    port = await shell.enter(serving_http(app, host, settings.gateway_http_port))
    shell.vitals.address = address_of(host, port, shell.vitals.host)


def main() -> int:
    return run("gateway", GatewaySettings, start)
