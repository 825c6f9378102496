"""One struct per process: what it can be told, what that means, and what holds if nobody says.

A field's name is its key in hive.toml and, in capitals after `HIVE_`, its environment variable. The
same name means the same in every struct, so one hive.toml serves all processes.
"""

import os
import re
import socket
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from hive_shared.profiles import Profile

GATEWAY_HTTP_PORT: Final = 8000
GATEWAY_GRPC_PORT: Final = 8001
GITHUB_WEBHOOK_PORT: Final = 8002

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]
Size = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?\s*([KMGT]i?)?B?$")]
"""Bytes; people write 512MiB or 2GiB."""
SizeOrAuto = Annotated[str, Meta(pattern=r"^(auto|\d+(\.\d+)?\s*([KMGT]i?)?B?)$")]


_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?")
_EXPONENTS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
MOST_KEPT_FREE: Final = 5 << 30
"""Bytes of a runner's disk, where the settings do not say."""
LEAST_DISK: Final = 100 << 20
"""Bytes that a runner's folder may take: with less there is no room for a repository."""


def bytes_of(size: str) -> int:
    """A size as people write it in settings: 2GiB and 2G are both 2 << 30. Raises ValueError."""
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ValueError(f"{size!r} is no size: write such as 512MiB or 2GiB")
    return int(float(match[1]) * 2 ** _EXPONENTS[match[2]])


def _doc(text: str) -> Meta:
    return Meta(description=text)


def default_data() -> Path:
    """Root's home is closed to the account that PostgreSQL then runs as, so root has another."""
    if os.geteuid() == 0:
        return Path("/var/lib/agent-hive")
    return Path.home() / ".local/share/agent-hive"


Profiles = Annotated[
    dict[str, Profile],
    _doc("kinds of agents, by name: what they say changes or adds to those that ship"),
]
NatsUrl = Annotated[str, _doc("the bus: nats://user:password@host:port")]
RedisUrl = Annotated[
    str,
    _doc(
        "where live output and shared counters are: redis://user:password@host:port; what it "
        "holds may be lost"
    ),
]
Gateway = Annotated[str, _doc("the gateway's API: host:port; several with commas between")]
TokenFile = Annotated[
    Path | None, _doc("a file with the caller's token; default in secrets of the data directory")
]
PeopleFile = Annotated[
    Path | None,
    _doc("people with tokens of their own; default secrets/people.json in the data directory"),
]
SloFolder = Annotated[
    Path | None, _doc("a folder with objectives of your own; default slos in the data directory")
]


IncidentsFile = Annotated[
    Path | None,
    _doc("how alerts become incidents; default incidents.yaml in the data directory"),
]


PolicyFile = Annotated[
    Path | None,
    _doc("what follows from used-up error budgets; default policy.yaml in the data directory"),
]


Replicas = Annotated[
    int,
    Meta(ge=1, le=2),
    _doc(
        "how many of each service the stack runs, 1 or 2; the second gateway is on the third and"
        " fourth port after the stack's, and two that take webhooks or alerts share one port"
    ),
]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What every process can be told."""

    data: Annotated[Path, _doc("the data directory")] = msgspec.field(default_factory=default_data)
    otlp_endpoint: Annotated[
        str, _doc("where traces go, as OTLP over HTTP (http://host:4318); empty is nowhere")
    ] = ""
    otlp_traces: Annotated[
        float,
        Meta(ge=0),
        _doc("traces that a process begins and records a second, at most; 0 is no bound"),
    ] = 10.0
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$"), _doc("debug, info, warning or error")
    ] = "info"
    drain: Annotated[
        Seconds, _doc("seconds that a process may take to finish what it began, once told to end")
    ] = 10.0

    @property
    def secrets(self) -> Path:
        return self.data / "secrets"


class Connected(Process, frozen=True, kw_only=True):
    """A process that uses the record and the bus."""

    postgres_url: Annotated[str, _doc("the record: postgresql://user:password@host:port/name")] = ""
    postgres_password_file: Annotated[
        Path | None, _doc("a file with the password, in place of one in postgres_url")
    ] = None
    nats_url: NatsUrl = ""
    nats_password_file: Annotated[
        Path | None, _doc("a file with the password, in place of one in nats_url")
    ] = None


class OrchestratorSettings(Connected, frozen=True, kw_only=True):
    session_ttl: Annotated[
        Seconds, _doc("seconds of silence, heard by a hive that could hear, that end a session")
    ] = 15.0
    scheduler_fence: Annotated[
        Seconds, _doc("seconds for which the active orchestrator holds its fence")
    ] = 5.0
    scheduler_watch: Annotated[
        Seconds, _doc("seconds between two looks at timers and sessions")
    ] = 0.5
    beat: Annotated[Seconds, _doc("seconds between two beats of a runner's session")] = 2.0


class GatewaySettings(Connected, frozen=True, kw_only=True):
    redis_url: RedisUrl = ""
    """Empty: no live output, logs come at the end of an attempt."""
    redis_password_file: Annotated[
        Path | None, _doc("a file with the password, in place of one in redis_url")
    ] = None
    gateway_host: Annotated[str, _doc("the address that the gateway listens on")] = "127.0.0.1"
    gateway_http_port: Annotated[Port, _doc("health, metrics and the page")] = GATEWAY_HTTP_PORT
    gateway_grpc_port: Annotated[Port, _doc("the API")] = GATEWAY_GRPC_PORT
    gateway_names: Annotated[
        list[str], _doc("names besides localhost under which the Host header may call it")
    ] = []
    admin_token_file: Annotated[
        Path | None, _doc("the admin's token; default secrets/admin.token in the data directory")
    ] = None
    runner_token_file: Annotated[
        Path | None, _doc("the runners' token; default secrets/runner.token in the data directory")
    ] = None
    people_file: PeopleFile = None
    resume_key_file: Annotated[
        Path | None, _doc("signs resume tokens; default secrets/resume.key in the data directory")
    ] = None
    beat: Annotated[Seconds, _doc("seconds between two beats of a runner's session")] = 2.0
    profiles: Profiles = {}
    artifacts_retention: Annotated[
        float,
        Meta(ge=0),
        _doc(
            "days for which outputs, prompts and bundles are kept after a mission's end, where its"
            " work was landed or discarded, or it made none; 0 keeps them for ever"
        ),
    ] = 30.0

    @property
    def admin_token_path(self) -> Path:
        return self.admin_token_file or self.secrets / "admin.token"

    @property
    def runner_token_path(self) -> Path:
        return self.runner_token_file or self.secrets / "runner.token"

    @property
    def people_path(self) -> Path:
        return self.people_file or self.secrets / "people.json"

    @property
    def resume_key_path(self) -> Path:
        return self.resume_key_file or self.secrets / "resume.key"

    @property
    def artifacts(self) -> Path:
        return self.data / "artifacts"


class RelaySettings(Connected, frozen=True, kw_only=True):
    bus_max_age: Annotated[
        Seconds, _doc("seconds for which the bus keeps events; older ones are read from the record")
    ] = 7 * 24 * 3600.0
    bus_max_bytes: Annotated[
        int, Meta(ge=1 << 20), _doc("bytes of events that the bus keeps at most")
    ] = 1 << 30


class GithubSettings(Connected, frozen=True, kw_only=True):
    profiles: Profiles = {}
    github_comment_seconds: Annotated[
        float, Meta(ge=1), _doc("seconds between two changes of a mission's comment on its issue")
    ] = 30.0
    github_settle_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        _doc("seconds in which checks may begin on a commit before it counts as green"),
    ] = 60.0
    github_url: Annotated[
        str,
        Meta(pattern=r"^https?://[^/?#\s]+$"),
        _doc("where GitHub is: https://github.com, or a GitHub Enterprise Server"),
    ] = "https://github.com"
    github_app_id: Annotated[
        int, Meta(ge=0), _doc("the GitHub App's number; 0: the one in secrets/github-app.id")
    ] = 0
    github_app_key_file: Annotated[
        Path | None, _doc("the App's private key, PEM; default secrets/github-app.pem")
    ] = None
    github_token_file: Annotated[
        Path | None,
        _doc("a file with a fine-grained token, in place of an App; default secrets/github.token"),
    ] = None
    github_webhook_secret_file: Annotated[
        Path | None, _doc("what webhooks are signed with; default secrets/github-webhook.secret")
    ] = None
    github_webhook_host: Annotated[str, _doc("the address that webhooks are taken at")] = (
        "127.0.0.1"
    )
    github_webhook_port: Annotated[Port, _doc("the port that webhooks are taken at")] = (
        GITHUB_WEBHOOK_PORT
    )
    replicas: Replicas = 1
    github_keep_days: Annotated[
        float, Meta(ge=0), _doc("days for which the bodies of webhooks are kept once worked")
    ] = 7.0
    github_page_url: Annotated[
        str,
        Meta(pattern=r"^(https?://[^\s]+)?$"),
        _doc("the hive's pages as people reach them: checks on GitHub link there"),
    ] = ""
    redis_url: RedisUrl = ""
    """Empty: each process counts GitHub's limits by itself."""
    redis_password_file: Annotated[
        Path | None, _doc("a file with the password, in place of one in redis_url")
    ] = None

    @property
    def github_app_id_path(self) -> Path:
        return self.secrets / "github-app.id"

    @property
    def github_app_key_path(self) -> Path:
        return self.github_app_key_file or self.secrets / "github-app.pem"

    @property
    def github_token_path(self) -> Path:
        return self.github_token_file or self.secrets / "github.token"

    @property
    def github_webhook_secret_path(self) -> Path:
        return self.github_webhook_secret_file or self.secrets / "github-webhook.secret"

    @property
    def artifacts(self) -> Path:
        return self.data / "artifacts"


class HealthSettings(Connected, frozen=True, kw_only=True):
    slo_folder: SloFolder = None
    notify_key_file: Annotated[
        Path | None, _doc("signs webhooks; default secrets/notify.key in the data directory")
    ] = None
    incidents_file: IncidentsFile = None
    policy_file: PolicyFile = None
    alerts_host: Annotated[str, _doc("the address that alerts are taken at")] = "127.0.0.1"
    alerts_port: Annotated[
        int,
        Meta(ge=0, le=65535),
        _doc("the port at which Alertmanager delivers to this hive; 0: it takes none"),
    ] = 0
    replicas: Replicas = 1
    alerts_token_file: Annotated[
        Path | None,
        _doc("what Alertmanager has to show; default secrets/alerts.token in the data directory"),
    ] = None

    capacity_hold: Annotated[
        float,
        Meta(ge=4),
        _doc("seconds for which runners stay wanted after they were needed last"),
    ] = 120.0
    count_every: Annotated[
        Seconds,
        _doc(
            "seconds between two counts of what objectives are made of; budgets, and what follows"
            " from them, are looked at as often"
        ),
    ] = 15.0

    @property
    def slo_path(self) -> Path:
        return self.slo_folder or self.data / "slos"

    @property
    def incidents_path(self) -> Path:
        return self.incidents_file or self.data / "incidents.yaml"

    @property
    def policy_path(self) -> Path:
        return self.policy_file or self.data / "policy.yaml"

    @property
    def alerts_token_path(self) -> Path:
        return self.alerts_token_file or self.secrets / "alerts.token"

    @property
    def notify_key_path(self) -> Path:
        return self.notify_key_file or self.secrets / "notify.key"


class RunnerSettings(Process, frozen=True, kw_only=True):
    gateway: Gateway = f"127.0.0.1:{GATEWAY_GRPC_PORT}"
    token_file: TokenFile = None
    runner_name: Annotated[str, _doc("what people call this runner")] = msgspec.field(
        default_factory=socket.gethostname
    )
    runner_folder: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9][a-z0-9-]*$"),
        _doc("the folder in the data directory that the runner keeps to; two need two"),
    ] = "runner"
    runner_slots: Annotated[int, Meta(ge=1, le=256), _doc("attempts at a time")] = 4
    runner_labels: Annotated[
        list[str], _doc("what this runner can do, for tasks that ask for it")
    ] = []
    runner_kill_grace: Annotated[
        Seconds, _doc("seconds between TERM and KILL for an attempt's processes")
    ] = 5.0
    runner_drain: Annotated[
        Seconds, _doc("seconds that a draining runner waits for attempts at work")
    ] = 60.0
    runner_sandbox: Annotated[
        Literal["auto", "on", "off"],
        _doc("attempts in bubblewrap: auto (where it works), on (or do not start) or off"),
    ] = "auto"
    runner_limits_memory: Annotated[
        SizeOrAuto,
        _doc("memory of an attempt; auto is three quarters of the machine's, 0 is no limit"),
    ] = "auto"
    runner_limits_processes: Annotated[
        int, Meta(ge=0), _doc("processes of an attempt at a time; 0 is no limit")
    ] = 4_096
    runner_limits_cpu: Annotated[
        float, Meta(ge=0), _doc("seconds of processor time of one command; 0 is no limit")
    ] = 0.0
    runner_limits_disk: Annotated[
        Size, _doc("what the files of an attempt may take, as 32GiB; 0 is no limit")
    ] = "32GiB"
    runner_limits_file_size: Annotated[
        Size, _doc("the largest file that an attempt may write, as 16GiB; 0 is no limit")
    ] = "16GiB"
    runner_limits_open_files: Annotated[
        int, Meta(ge=0), _doc("files that a process of an attempt may have open; 0: as the runner")
    ] = 0
    runner_warm_trees: Annotated[
        int, Meta(ge=0), _doc("worktrees that are kept for the next attempt; 0 keeps none")
    ] = 4
    runner_ports: Annotated[
        str,
        Meta(pattern=r"^[1-9]\d{3,4}-[1-9]\d{3,4}$"),
        _doc("the ports that attempts get, as 20000-29999"),
    ] = "20000-29999"
    runner_keep_free: Annotated[
        SizeOrAuto, _doc("what stays free on the runner's disk; auto is a tenth, at most 5 GiB")
    ] = "auto"
    runner_disk: Annotated[
        Size | None,
        _doc("what the runner's folder may take, as 50GiB, at least 100MiB; unset is no bound"),
    ] = None
    beat: Annotated[Seconds, _doc("seconds between two beats of a runner's session")] = 2.0
    profiles: Profiles = {}

    @property
    def token_path(self) -> Path:
        return self.token_file or self.secrets / "runner.token"

    @property
    def ports(self) -> tuple[int, int]:
        """The first and the last that attempts get."""
        first, _, last = self.runner_ports.partition("-")
        return int(first), int(last)

    def kept_free(self, disk: int) -> int:
        """Bytes that are to stay free on a disk of that size."""
        if self.runner_keep_free == "auto":
            return min(disk // 10, MOST_KEPT_FREE)
        return bytes_of(self.runner_keep_free)


class ClientSettings(Process, frozen=True, kw_only=True):
    """The `hive` command, and the stack that it starts."""

    gateway: Gateway = ""
    """Empty: the stack of the data directory."""
    token_file: TokenFile = None
    people_file: PeopleFile = None
    port: Annotated[Port, _doc("the stack's HTTP port; its API is on the next one")] = (
        GATEWAY_HTTP_PORT
    )
    postgres_admin_url: Annotated[
        str, _doc("the record as its administrator, where the stack is not to run its own")
    ] = ""
    nats_url: NatsUrl = ""
    redis_url: RedisUrl = ""
    github_url: Annotated[
        str,
        Meta(pattern=r"^https?://[^/?#\s]+$"),
        _doc("where GitHub is: https://github.com, or a GitHub Enterprise Server"),
    ] = "https://github.com"
    runner_slots: Annotated[int, Meta(ge=1, le=256), _doc("attempts at a time")] = 4
    runners: Annotated[
        str,
        Meta(pattern=r"^[1-9]\d{0,2}(:[1-9]\d{0,2})?$"),
        _doc("how many runners the stack has: a number, or MIN:MAX to follow how many are wanted"),
    ] = "1"
    replicas: Replicas = 1
    session_ttl: Annotated[
        Seconds, _doc("seconds of silence, heard by a hive that could hear, that end a session")
    ] = 15.0
    beat: Annotated[Seconds, _doc("seconds between two beats of a runner's session")] = 2.0
    slo_folder: SloFolder = None
    incidents_file: IncidentsFile = None
    policy_file: PolicyFile = None
    profiles: Profiles = {}

    @property
    def token_path(self) -> Path:
        return self.token_file or self.secrets / "admin.token"

    @property
    def people_path(self) -> Path:
        return self.people_file or self.secrets / "people.json"

    @property
    def runner_bounds(self) -> tuple[int, int]:
        """The fewest and the most runners of the stack."""
        fewest, _, most = self.runners.partition(":")
        return int(fewest), int(most or fewest)

    @property
    def slo_path(self) -> Path:
        return self.slo_folder or self.data / "slos"

    @property
    def incidents_path(self) -> Path:
        return self.incidents_file or self.data / "incidents.yaml"

    @property
    def policy_path(self) -> Path:
        return self.policy_file or self.data / "policy.yaml"
