"""The part of the service that speaks to GitHub, put together. Imported once it is configured."""

from typing import Final

from hive_contracts.github.places import places
from hive_contracts.github.repository import ObserveLimit
from hive_contracts.ids import NewId
from hive_github.api.counters import counters
from hive_github.api.github import Github, connection
from hive_github.api.throttle import Known, Throttle
from hive_github.checks.buttons import Buttons
from hive_github.checks.effect import CheckWork
from hive_github.checks.gates import GithubGates
from hive_github.checks.histories import Histories
from hive_github.checks.show import Shows
from hive_github.credentials import Configured
from hive_github.desk import Desk
from hive_github.doctor import Doctor
from hive_github.folder import own_folder
from hive_github.git import Mirrors
from hive_github.issues.launch import Launching
from hive_github.issues.look import IssueLooks
from hive_github.issues.obey import Obedience
from hive_github.issues.progress import Progress
from hive_github.issues.site import Site
from hive_github.issues.standing import Standings
from hive_github.issues.watch import IssueWatch
from hive_github.look import Looks
from hive_github.merging.ends import Ends
from hive_github.merging.grace import Grace
from hive_github.merging.landing import Landings
from hive_github.orchestrator import Commands
from hive_github.pulls import turns
from hive_github.pulls.carry import Carrier
from hive_github.pulls.effect import PullRequests
from hive_github.pulls.judged import JudgedRounds
from hive_github.pulls.rounds import Rounds
from hive_github.reactions import Reactions
from hive_github.records import Records
from hive_github.sole import Loops, Sole
from hive_github.views.projection import GithubProjection
from hive_github.views.reader import Views
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.door import WebhookDoor
from hive_github.webhooks.sweeper import Sweeper
from hive_github.webhooks.work import DeliveryWork
from hive_shared.artifacts import Artifacts
from hive_shared.bus.appended import Appended
from hive_shared.clock import SystemClock
from hive_shared.eventstore.pool import open_pool
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.handling import Handling
from hive_shared.listening import serving
from hive_shared.process import Shell
from hive_shared.profiles import profiles_of
from hive_shared.restraints import Restraining
from hive_shared.settings import GithubSettings, postgres_url, redis_url
from hive_shared.subscriptions.effects import Effect, EffectRunner
from hive_shared.subscriptions.projector import Projector
from hive_shared.subscriptions.trunk import Trunk

CONNECTIONS: Final = 12
"""Six effects and the projection hold one each; the others are for reading and recording."""
DOOR_CONNECTIONS: Final = 4
"""For deliveries alone: whoever sends one waits for nobody's reading."""
LOOK_SECONDS: Final = 5.0
"""So often the record is looked at though nobody said that it has grown."""


async def speak(
    shell: Shell,
    settings: GithubSettings,
    told: Configured,
    new_id: NewId,
    orchestrator: Commands,
    appended: Appended,
) -> Desk:
    """Open all that GitHub needs and start its loops; `appended` wakes them.

    Raises SettingsError, StoreUnavailable.
    """
    clock = SystemClock()
    pool = await shell.enter(await open_pool(postgres_url(settings), CONNECTIONS))
    store = PostgresEventStore(pool, on_appended=lambda _: appended.say())
    records, views = Records(store, new_id), Views(pool)

    at = places(settings.github_url)

    async def tell(known: Known) -> None:
        """In the stream of a repository that the limit stops; in one of its own where none is
        known yet, or it is the App's.
        """
        ids = await views.of_installation(known.installation)
        id = ids[0] if ids else at.installation_id(known.installation)
        limit = ObserveLimit(id, known.installation, known.pool, known.kind, known.until_ms)
        await records.tell(limit, new_id())

    shared = await shell.enter(counters(redis_url(settings), clock))
    throttle = Throttle(shared, clock, lambda: views.limits(clock.now_ms()), tell)
    client = await shell.enter(connection())
    github = Github(client, at, told.credentials, throttle, clock)
    looks = Looks(github, records)
    at_the_door = await shell.enter(await open_pool(postgres_url(settings), DOOR_CONNECTIONS))
    deliveries = Deliveries(at_the_door, new_id)
    artifacts = Artifacts(settings.artifacts)
    folder = await shell.enter(own_folder(settings.data / "github"))
    mirrors = Mirrors(folder, settings.secrets, artifacts)
    mirrors.discard_leftovers()
    rounds = Rounds(github, store, records, looks, mirrors)
    taking = await shell.enter(await open_pool(postgres_url(settings), turns.CONNECTIONS))
    one_at_a_time = turns.SharedTurns(taking, clock)
    ends = Ends(clock)
    carrier = Carrier(
        github, store, records, looks, mirrors, rounds, one_at_a_time, Restraining(store, clock),
        Grace(settings.github_settle_seconds, views.now, ends),
    )  # fmt: skip
    site, standings = Site(github), Standings(store)
    issues = IssueLooks(site, records, looks, clock)
    progress = Progress(records, looks, site, standings, clock, settings.github_comment_seconds)
    launching = Launching(github, site, mirrors, profiles_of(settings.profiles))
    obedience = Obedience(
        records, looks, site, launching, standings, progress, artifacts, orchestrator, clock
    )
    histories = Histories(store)
    shows = Shows(github, records, histories, artifacts, settings.github_page_url)
    judged = JudgedRounds(github, store, records, looks)
    gates = GithubGates(github, views, orchestrator, judged, clock)
    buttons = Buttons(github, records, histories, orchestrator)
    reactions = Reactions(views, carrier, rounds, gates, shows, buttons)
    trunk = Trunk(store, clock, LOOK_SECONDS)
    appended.on(trunk.hint)
    projector = Projector(pool, "github", GithubProjection(), trunk.branch(), store, clock)
    work = DeliveryWork(deliveries, views, projector, looks, issues, github.places, reactions)
    probe = PoolProbe("github", pool, clock)
    shell.vitals.pool(probe.use)
    shell.vitals.handling(projector.handling)
    shell.spawn(probe.run(), "pool")
    shell.spawn(trunk.run(), "record")
    shell.spawn(projector.run(), "views")
    effects: list[Effect] = [
        work,
        PullRequests(carrier),
        obedience,
        progress,
        CheckWork(shows, clock),
        Landings(records, histories, orchestrator),
    ]
    for effect in effects:
        runner = EffectRunner(pool, "github", effect, trunk.branch(), store, clock, shell.instance)
        shell.vitals.handling(runner.handling)
        shell.spawn(runner.run(), effect.name)
    sweeper = Sweeper(github, deliveries, looks, views, rounds, clock)
    watch = IssueWatch(github, views, issues, clock)
    merging = Handling("merging", clock.monotonic, "job")
    for handling in (gates.handling, merging, sweeper.handling, watch.handling):
        shell.vitals.handling(handling)

    def looking() -> Loops:
        """What one process of all does: two would ask GitHub for everything twice."""
        return {
            "gates": gates.run(),
            "merging": reactions.run(clock, new_id, merging),
            "sweeper": sweeper.run(settings.github_keep_days),
            "issues watched": watch.run(),
        }

    shell.spawn(Sole("looks", postgres_url(settings), clock).run(looking), "looks")
    shell.spawn(ends.run(lambda mission: reactions.ended(mission, new_id())), "settling")
    if told.webhook_secret:
        several = settings.replicas > 1
        # Nobody else has to know, unless another process of this service may be the one at work.
        taken = appended.say if several else trunk.hint
        door = WebhookDoor(deliveries, told.webhook_secret, taken, clock.monotonic)
        shell.vitals.handling(door.handling)
        host, port = settings.github_webhook_host, settings.github_webhook_port
        await shell.enter(serving(door.app(), host, port, "github_webhook_port", shared=several))
    return Desk(store, records, Doctor(github, looks, clock, told.webhook_secret), new_id)
