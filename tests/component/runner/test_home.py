"""What a command with a HOME of its own finds in it, and what of the person's lies where."""

import sys
from pathlib import Path

import pytest

from hive_runner.processes.home import Home, behind, link, needed_by, needed_by_modules
from hive_runner.processes.sandbox import Sandbox, View


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A HOME with a login, a secret and a program."""
    person = tmp_path / "me"
    for name in (".agent/auth.json", ".agent.json", ".ssh/id", "bin/agent"):
        (person / name).parent.mkdir(parents=True, exist_ok=True)
        (person / name).write_text(name)
    (person / "bin/agent").chmod(0o755)
    return person


@pytest.fixture
def own(tmp_path: Path, person: Path) -> Home:
    (tmp_path / "own").mkdir()
    return Home(tmp_path / "own", person)


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def seen(home: Home, names: list[Path], needed: list[Path] | None = None) -> Home:
    return behind(home, names, needed or [])


def test_what_is_named_is_changed_and_what_is_not_there_is_left_out(
    own: Home, person: Path
) -> None:
    made = seen(own, paths(".agent", ".agent.json", ".agent/auth.json", ".other"))
    assert made.changed == (person / ".agent", person / ".agent.json")
    assert made.read == ()


def test_what_is_needed_is_read_where_it_lies_in_home_and_is_not_named(
    own: Home, person: Path
) -> None:
    (person / ".agent/bin").mkdir()
    path = f"/usr/bin:{person}/bin:{person}/.agent/bin:{person}:relative:"
    made = seen(own, paths(".agent"), list(needed_by(["agent", "nothing"], path)))
    assert made.read == (person / "bin",)


def test_a_program_that_lies_in_home_itself_does_not_open_home(own: Home, person: Path) -> None:
    (person / "bin/agent").rename(person / "agent")
    assert seen(own, [], list(needed_by(["agent"], str(person)))).read == (person / "agent",)


def test_a_program_from_npm_finds_the_packages_that_it_imports(own: Home, person: Path) -> None:
    package = person / "npm/lib/node_modules/@maker/agent/bin"
    package.mkdir(parents=True)
    (person / "bin/agent").rename(package / "agent.js")
    (person / "npm/bin").mkdir()
    (person / "npm/bin/agent").symlink_to("../lib/node_modules/@maker/agent/bin/agent.js")
    made = seen(own, [], list(needed_by(["agent"], f"{person}/npm/bin")))
    assert made.read == (person / "npm/bin", person / "npm/lib/node_modules")


def test_links_on_the_way_are_made_anew_and_lead_where_they_led(
    own: Home, person: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (person / ".config").symlink_to(tmp_path / "disk")
    (person / "dotfiles").mkdir()
    (person / ".agent").rename(person / "dotfiles/agent")
    (person / ".agent").symlink_to("dotfiles/agent")
    made = seen(own, paths(".agent", ".config"))
    assert made.changed == (person / "dotfiles/agent", tmp_path / "disk")
    assert (own.folder / ".agent").readlink() == Path("dotfiles/agent")
    assert (own.folder / ".config").readlink() == tmp_path / "disk"


def test_a_link_to_all_of_home_opens_nothing(own: Home, person: Path) -> None:
    (person / "me").symlink_to(person)
    (person / "above").symlink_to("..")
    (person / "round").symlink_to("round")
    assert seen(own, paths("me", "above", "round")).changed == ()


def test_no_way_leads_over_a_link_in_what_a_command_may_change(own: Home, person: Path) -> None:
    """An earlier command may have put it there, to see more the next time."""
    (person / ".agent/bin").symlink_to(person / ".ssh")
    (person / ".agent/agent").symlink_to(person / ".ssh/id")
    (person / ".ssh/id").chmod(0o755)
    needed = list(needed_by(["agent"], f"{person}/.agent/bin:{person}/.agent"))
    assert needed[-1] == person / ".agent/agent"
    made = seen(own, paths(".agent", ".agent/bin"), needed)
    assert (made.changed, made.read) == ((person / ".agent",), ())


def test_the_hives_own_modules_are_found_where_they_lie_in_home(own: Home) -> None:
    prefix = Path(sys.prefix).resolve()
    above = Home(own.folder, prefix.parent)
    made = behind(above, [], needed_by_modules())
    assert prefix in made.read


def test_without_a_sandbox_links_lead_to_what_is_named(own: Home, person: Path) -> None:
    link(own, paths(".agent/auth.json", ".agent", "bin/agent", ".other"))
    assert sorted(path.name for path in own.folder.iterdir()) == [".agent", "bin"]
    assert (own.folder / ".agent").readlink() == person / ".agent"
    assert (own.folder / "bin/agent").readlink() == person / "bin/agent"


def binds(words: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [
        (word, words[at + 1], words[at + 2])
        for at, word in enumerate(words)
        if word in ("--bind", "--ro-bind")
    ]


def test_the_sandbox_lays_the_own_home_over_the_persons_and_what_is_named_over_that(
    own: Home, person: Path, tmp_path: Path
) -> None:
    data, shop = person / "data", person / "shop"
    for folder in (data, shop, person / "tmp"):
        folder.mkdir()
    sandbox = Sandbox("bwrap", data, {"HOME": f"{person}/../me", "TMPDIR": f"{person}/tmp"})
    home = Home(own.folder, person, (person / ".agent",), (person / "bin",))
    words = sandbox.wrap(("agent",), data, View(read=(shop,), home=home))
    inside = [bind for bind in binds(words) if bind[2].startswith(f"{tmp_path}/")]
    assert inside == [
        ("--bind", str(own.folder), str(person)),
        ("--bind", f"{person}/tmp", f"{person}/tmp"),
        ("--ro-bind", f"{person}/bin", f"{person}/bin"),
        ("--bind", f"{person}/.agent", f"{person}/.agent"),
        ("--ro-bind", str(shop), str(shop)),
    ]
    assert words.index("--tmpfs") > words.index(str(shop))


def test_of_two_homes_both_are_hidden(own: Home, person: Path, tmp_path: Path) -> None:
    """Another HOME for an agent is one with another login; the runner's is not left open for it."""
    (second := tmp_path / "second").mkdir()
    sandbox = Sandbox("bwrap", tmp_path / "data", {"HOME": str(person)})
    words = sandbox.wrap(("agent",), tmp_path, View(home=Home(own.folder, second)))
    hidden = [place for _, source, place in binds(words) if source == str(own.folder)]
    assert hidden == [str(person), str(second)]


def test_without_a_home_of_its_own_a_command_has_all_of_the_persons(
    person: Path, tmp_path: Path
) -> None:
    sandbox = Sandbox("bwrap", tmp_path / "data", {"HOME": str(person)})
    words = sandbox.wrap(("agent",), tmp_path, View())
    assert ("--bind", str(person), str(person)) in binds(words)
