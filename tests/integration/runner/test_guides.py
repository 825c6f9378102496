"""What a repository tells agents, as `{guide}` in a profile's template takes it."""

from pathlib import Path

import pytest

from hive_runner.agents.turn import GUIDES, MAX_GUIDE
from hive_shared.profiles import Profile
from tests.integration.runner.workshop import Source, Workshop, done, lease

READS = Profile(("sh", "-c", "cat > asked.txt"), template="<{guide}>\n\n{task}\n")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data", profiles={"reads": READS})


async def guide(source: Source, workshop: Workshop) -> str:
    """What the agent was given of the repository's word."""
    asked = lease(source, agent="reads", prompt="Do it.")
    result = done(await workshop.perform(asked))
    text = workshop.files_of(result.commit)["asked.txt"]
    assert "Do it." in text
    return text.partition("<")[2].rpartition(">")[0]


@pytest.mark.parametrize("first", range(len(GUIDES)), ids=lambda first: GUIDES[first])
async def test_the_first_that_there_is_counts(
    source: Source, workshop: Workshop, first: int
) -> None:
    source.commit({name: f"read {name}" for name in reversed(GUIDES[first:])})
    assert await guide(source, workshop) == f"read {GUIDES[first]}"


def test_they_are_sought_in_the_order_that_the_page_says() -> None:
    assert GUIDES == ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md")


async def test_without_any_the_template_has_nothing_there(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"docs/AGENTS.md": "of another folder"})
    assert await guide(source, workshop) == ""


async def test_a_prompt_takes_so_much_of_one_and_no_more(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"AGENTS.md": "é" * (MAX_GUIDE + 5_000)})
    assert await guide(source, workshop) == "é" * MAX_GUIDE


@pytest.mark.parametrize("name", GUIDES)
async def test_a_link_that_leads_out_of_the_tree_is_not_read(
    source: Source, workshop: Workshop, tmp_path: Path, name: str
) -> None:
    (tmp_path / "diary").write_text("s3cret")
    place = source.path / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tmp_path / "diary")
    source.commit({})
    assert await guide(source, workshop) == ""


async def test_a_folder_that_is_a_link_out_of_the_tree_is_not_read(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "copilot-instructions.md").write_text("s3cret")
    (source.path / ".github").symlink_to(tmp_path / "elsewhere")
    source.commit({})
    assert await guide(source, workshop) == ""


async def test_after_a_link_that_is_not_read_the_next_one_counts(
    source: Source, workshop: Workshop
) -> None:
    (source.path / "AGENTS.md").symlink_to("/etc/hostname")
    source.commit({"CLAUDE.md": "read CLAUDE.md"})
    assert await guide(source, workshop) == "read CLAUDE.md"


async def test_a_link_within_the_tree_is_read(source: Source, workshop: Workshop) -> None:
    (source.path / "AGENTS.md").symlink_to("docs/agents.md")
    source.commit({"docs/agents.md": "read docs"})
    assert await guide(source, workshop) == "read docs"
