"""On what terms an agent works: a model, permissions, a worktree that it may not change, and a file
that it is to make."""

from typing import Any

import msgspec
import pytest

from hive_contracts.dialogue import Rule
from hive_contracts.orders import Lease
from hive_contracts.outcome import Asked
from hive_contracts.plan import ArtifactRef, Given
from hive_shared.profiles import Profile
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease


def on_terms(lease: Lease, **terms: Any) -> Lease:
    spec = msgspec.structs.replace(lease.task.spec, **terms)
    return msgspec.structs.replace(lease, task=msgspec.structs.replace(lease.task, spec=spec))


def agent(source: Source, workshop: Workshop, script: str, **terms: Any) -> Lease:
    """A lease for an agent that runs a script."""
    workshop.options.profiles["bot"] = Profile(("sh", "-c", script))
    return on_terms(lease(source, agent="bot", prompt="Do it."), **terms)


async def test_a_change_of_an_agent_that_may_only_look_fails_the_attempt_as_its_own(
    source: Source, workshop: Workshop
) -> None:
    asked = agent(source, workshop, "echo x > src/a.py; echo y > new", read_only=True)
    refused = failure(await workshop.perform(asked))
    assert refused.kind == "agent"
    assert refused.detail == "bot may change nothing here (`write: false`), and changed 2 files"
    assert refused.files == ("new", "src/a.py")
    assert list(workshop.kept().values())  # and what it did is kept all the same


async def test_an_agent_that_may_only_look_and_changes_nothing_needs_no_reason(
    source: Source, workshop: Workshop
) -> None:
    result = done(await workshop.perform(agent(source, workshop, "true", read_only=True)))
    assert result.no_change == "it is to change nothing"


async def test_a_reviewer_that_may_only_look_lists_defects_in_its_file(
    source: Source, workshop: Workshop
) -> None:
    script = 'echo "a is wrong" > "$HIVE_DEFECTS_FILE"'
    asked = agent(source, workshop, script, read_only=True, review=True)
    assert done(await workshop.perform(asked)).defects == "a is wrong"


@pytest.mark.parametrize(
    ("words", "defects"),
    [
        ("I looked.\nDEFECTS:\na is wrong", "a is wrong"),
        ("DEFECTS: a is wrong", "a is wrong"),
        ("I found no DEFECTS: at all", ""),
    ],
)
async def test_one_that_may_write_no_file_lists_them_in_its_last_words(
    source: Source, workshop: Workshop, words: str, defects: str
) -> None:
    command = ("sh", "-c", f"printf '%s' '{words}' > \"$1\"", "sh", "{notes}/last-words")
    workshop.options.profiles["bot"] = Profile(command)
    asked = on_terms(lease(source, agent="bot", prompt="Judge it."), read_only=True, review=True)
    assert done(await workshop.perform(asked)).defects == defects


async def test_one_that_may_write_no_file_asks_in_its_last_words(
    source: Source, workshop: Workshop
) -> None:
    words = "I stopped.\nQUESTION: Which one?\nThe left or the right?\n"
    command = ("sh", "-c", f"printf '%s' '{words}' > \"$1\"", "sh", "{notes}/last-words")
    workshop.options.profiles["bot"] = Profile(command)
    asked = on_terms(lease(source, agent="bot", prompt="Look."), read_only=True)
    ended = await workshop.perform(asked)
    assert isinstance(ended, Asked), ended
    assert ended.question.text == "Which one?\nThe left or the right?"


async def test_the_file_that_a_task_is_to_make_is_kept(source: Source, workshop: Workshop) -> None:
    asked = agent(source, workshop, "mkdir docs; echo plan > docs/plan.md", output="docs/plan.md")
    result = done(await workshop.perform(asked))
    assert result.made is not None
    assert result.made.name == "docs/plan.md"
    assert workshop.artifact(result.made.file) == b"plan\n"


async def test_it_is_all_that_an_agent_may_write_that_may_only_look(
    source: Source, workshop: Workshop
) -> None:
    made = agent(source, workshop, "echo plan > plan.md", output="plan.md", read_only=True)
    assert done(await workshop.perform(made)).made is not None
    script = "echo plan > plan.md; echo x > src/a.py"
    strayed = agent(source, workshop, script, output="plan.md", read_only=True)
    refused = failure(await workshop.perform(strayed))
    assert "but for plan.md, and changed 1 file" in refused.detail
    assert refused.files == ("src/a.py",)


@pytest.mark.parametrize(
    "script",
    [
        "echo x > other",
        "ln -s /etc/passwd plan.md",
        "mkdir plan.md && echo x > plan.md/x",
        'echo done > "$HIVE_NO_CHANGE_FILE"',
    ],
    ids=["none", "a link", "a folder", "nothing at all"],
)
async def test_without_a_plain_file_of_that_name_the_attempt_has_failed(
    source: Source, workshop: Workshop, script: str
) -> None:
    refused = failure(await workshop.perform(agent(source, workshop, script, output="plan.md")))
    assert refused.kind == "agent"
    assert refused.detail == "the task was to make the file plan.md, and it is not there"


async def test_without_a_repository_it_is_handed_on_as_a_file(workshop: Workshop) -> None:
    first = on_terms(lease(None, run="mkdir a; echo plan > a/plan.md"), output="a/plan.md")
    made = done(await workshop.perform(first)).made
    assert made is not None
    second = on_terms(lease(None, run="cat a/plan.md > copy"), output="copy")
    given = msgspec.structs.replace(second.task, given=(made,))
    result = done(await workshop.perform(msgspec.structs.replace(second, task=given)))
    assert result.made is not None
    assert workshop.artifact(result.made.file) == b"plan\n"


async def test_without_a_repository_a_link_out_of_the_folder_is_not_followed(
    workshop: Workshop,
) -> None:
    linked = on_terms(lease(None, run="ln -s /etc a"), output="a/passwd")
    assert "is not there" in failure(await workshop.perform(linked)).detail


async def test_a_file_that_the_hive_does_not_have_any_more_is_nobodys_fault(
    workshop: Workshop,
) -> None:
    second = lease(None, run="true")
    given = (Given("plan.md", ArtifactRef("0" * 64, 1)),)
    task = msgspec.structs.replace(second.task, given=given)
    lost = failure(await workshop.perform(msgspec.structs.replace(second, task=task)))
    assert lost.kind == "infrastructure"


async def test_a_model_reaches_the_command_by_its_own_flag(
    source: Source, workshop: Workshop
) -> None:
    workshop.options.profiles["bot"] = Profile(
        ("sh", "-c", 'echo "$@" > said', "sh"), model=("--model", "{model}"), args=("--last",)
    )
    asked = on_terms(lease(source, agent="bot", prompt="Do it."), model="opus")
    result = done(await workshop.perform(asked))
    assert workshop.files_of(result.commit)["said"] == "--model opus --last"


async def test_what_a_command_cannot_be_told_is_refused_before_it_begins(
    source: Source, workshop: Workshop
) -> None:
    asked = agent(source, workshop, "echo x > began", permissions=(Rule("edit", "deny"),))
    refused = failure(await workshop.perform(asked))
    assert (refused.kind, refused.output) == ("permanent", None)
    assert "profiles.bot.speaks" in refused.detail


async def test_files_for_the_command_alone_lie_beside_the_worktree(
    source: Source, workshop: Workshop
) -> None:
    workshop.options.profiles["bot"] = Profile(
        ("sh", "-c", 'cat "$2" > said', "sh"), speaks="gemini"
    )
    asked = on_terms(
        lease(source, agent="bot", prompt="Do it."), permissions=(Rule("run:git push*", "deny"),)
    )
    result = done(await workshop.perform(asked))
    assert "git push" in workshop.files_of(result.commit)["said"]
    assert set(workshop.files_of(result.commit)) == {
        ".gitignore", "README", "said", "src/a.py",
    }  # fmt: skip
