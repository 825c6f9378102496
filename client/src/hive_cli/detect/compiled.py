"""Go, Rust and Java, and whatever has a Makefile."""

import re
from typing import Final

from hive_cli.detect.findings import Gate, Project, Step
from hive_cli.detect.folder import Folder, inner

GO: Final = ("go.mod", "go.work")
RUST: Final = ("Cargo.toml",)
JAVA: Final = ("pom.xml", "build.gradle", "build.gradle.kts")
_TARGET: Final = re.compile(r"^([A-Za-z][\w-]*)\s*:(?!=)", re.MULTILINE)


def go(folder: Folder) -> Project | None:
    marker = folder.has("go.mod", "go.work")
    if not marker:
        return None
    needs = re.search(r"^\s*require\b", folder.text("go.mod"), re.MULTILINE) is not None
    gates = [Gate("vet", "go vet ./...", marker), Gate("tests", "go test ./...", marker)]
    linter = folder.has(".golangci.yml", ".golangci.yaml", ".golangci.toml")
    if linter:
        gates.insert(0, Gate("lint", "golangci-lint run", linter, sure=False))
    return Project(
        folder=folder.path,
        kind="Go",
        seen=folder.seen("go.mod", "go.work", "go.sum", linter),
        setup=(Step("go mod download", "requirements in go.mod"),) if needs else (),
        gates=tuple(gates),
        workspace=bool(folder.has("go.work")),
    )


def rust(folder: Folder) -> Project | None:
    if not folder.has("Cargo.toml"):
        return None
    workspace = inner(folder.table("Cargo.toml"), "workspace") is not None
    locked = " --locked" if folder.has("Cargo.lock") else ""
    scope = " --workspace" if workspace else ""
    gates = [Gate("tests", f"cargo test{scope}{locked}", "Cargo.toml")]
    style = folder.has("rustfmt.toml", ".rustfmt.toml")
    clippy = folder.has("clippy.toml", ".clippy.toml")
    if style:
        gates.insert(0, Gate("format", "cargo fmt --check", style, sure=False))
    if clippy:
        run = f"cargo clippy{scope} --all-targets -- -D warnings"
        gates.insert(0, Gate("lint", run, clippy, sure=False))
    return Project(
        folder=folder.path,
        kind="Rust, Cargo",
        seen=folder.seen("Cargo.toml", "Cargo.lock", style, clippy),
        setup=(Step(f"cargo fetch{locked}", folder.has("Cargo.lock", "Cargo.toml")),),
        gates=tuple(gates),
        workspace=workspace,
    )


def java(folder: Folder) -> Project | None:
    marker = folder.has("pom.xml", "build.gradle", "build.gradle.kts")
    if not marker:
        return None
    if marker == "pom.xml":
        wrapper = folder.has("mvnw")
        command = f"{'./mvnw' if wrapper else 'mvn'} -B -q test"
        workspace = "<modules>" in folder.text("pom.xml")
        kind = "Java, Maven"
    else:
        wrapper = folder.has("gradlew")
        # A daemon would outlive the gate.
        command = f"{'./gradlew' if wrapper else 'gradle'} --no-daemon -q test"
        settings = folder.has("settings.gradle", "settings.gradle.kts")
        workspace = bool(settings) and "include" in folder.text(settings)
        kind = "Java, Gradle"
    return Project(
        folder=folder.path,
        kind=kind,
        seen=folder.seen(marker, wrapper),
        gates=(Gate("tests", command, wrapper or marker),),
        workspace=workspace,
    )


def makefile(folder: Folder) -> Project | None:
    """For what no other detector knows: targets that are named for what they check."""
    name = folder.has("GNUmakefile", "Makefile", "makefile")
    targets = set(_TARGET.findall(folder.text(name))) if name else set()
    gates = [
        Gate(gate, f"make {target}", f"the target `{target}` of {name}")
        for gate, names in (("lint", ("lint",)), ("tests", ("test", "tests", "check")))
        for target in [next((known for known in names if known in targets), "")]
        if target
    ]
    if not gates:
        return None
    return Project(folder.path, "Make", folder.seen(name), gates=tuple(gates))
