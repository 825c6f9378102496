"""A turn that ends with a question: what was made is kept, and the next turn goes on from there."""

from pathlib import Path

from hive_contracts.dialogue import Answered
from hive_contracts.outcome import Asked, Outcome
from hive_shared.profiles import Profile
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease

ASK = 'echo half > half.txt; echo "Which one?" > "$HIVE_QUESTION_FILE"'
ANSWERED = (Answered("Which one?", "The left one.", "ann"),)


def asked(outcome: Outcome) -> Asked:
    assert isinstance(outcome, Asked), outcome
    return outcome


async def test_what_a_command_made_before_its_question_is_a_bundle(
    source: Source, workshop: Workshop
) -> None:
    outcome = asked(await workshop.perform(lease(source, run=ASK)))
    assert outcome.question.text == "Which one?"
    assert workshop.files_of(outcome.work.commit)["half.txt"] == "half"
    assert workshop.artifact(outcome.work.bundle)
    assert workshop.folders_left() == []


async def test_a_question_before_anything_was_made_is_no_failure(
    source: Source, workshop: Workshop
) -> None:
    outcome = asked(await workshop.perform(lease(source, run='echo Hm > "$HIVE_QUESTION_FILE"')))
    assert (outcome.work.commit, outcome.work.bundle) == ("", None)


async def test_the_next_turn_goes_on_from_what_was_made_and_its_result_is_all_of_it(
    source: Source, workshop: Workshop
) -> None:
    first = asked(await workshop.perform(lease(source, run=ASK)))
    go_on = 'cat half.txt "$HIVE_ANSWER_FILE" > whole.txt'
    result = done(
        await workshop.perform(
            lease(source, run=go_on, epoch=2, result=first.work, answers=ANSWERED)
        )
    )
    assert workshop.files_of(result.commit)["whole.txt"] == "half\nThe left one."
    assert result.files == 2  # counted from the tip
    assert workshop.mirror_git("rev-list", "--count", f"{source.head}..{result.commit}") == "2"
    bundle = workshop.artifact(result.bundle)
    assert source.head.encode() in bundle.partition(b"PACK")[0]


async def test_an_answer_after_which_nothing_is_left_to_do_hands_in_what_was_made_before(
    source: Source, workshop: Workshop
) -> None:
    first = asked(await workshop.perform(lease(source, run=ASK)))
    second = lease(source, run="true", epoch=2, result=first.work, answers=ANSWERED)
    result = done(await workshop.perform(second))
    assert workshop.files_of(result.commit)["half.txt"] == "half"
    assert result.bundle is not None


async def test_paths_are_judged_when_the_work_is_done_and_over_all_of_it(
    source: Source, workshop: Workshop
) -> None:
    first = asked(await workshop.perform(lease(source, run=ASK, paths=("src/**",))))
    second = lease(
        source, run="true", epoch=2, result=first.work, answers=ANSWERED, paths=("src/**",)
    )
    strayed = failure(await workshop.perform(second))
    assert (strayed.kind, strayed.files) == ("agent", ("half.txt",))


async def test_a_command_that_fails_has_failed_whatever_it_asks(
    source: Source, workshop: Workshop
) -> None:
    broken = failure(await workshop.perform(lease(source, run=f"{ASK}; exit 3")))
    assert (broken.kind, "status 3" in broken.detail) == ("agent", True)


async def test_an_agent_is_told_how_to_ask_and_what_it_was_answered(
    source: Source, workshop: Workshop
) -> None:
    workshop.options.profiles["cat"] = Profile(("sh", "-c", "cat > prompt.txt"))
    asking = lease(source, agent="cat", prompt="Fix it.", answers=ANSWERED)
    result = done(await workshop.perform(asking))
    prompt = workshop.files_of(result.commit)["prompt.txt"]
    assert "HIVE_QUESTION_FILE" in prompt
    assert "You asked:\nWhich one?\nann answered:\nThe left one." in prompt


async def test_without_a_repository_a_question_waits_just_so(workshop: Workshop) -> None:
    outcome = asked(await workshop.perform(lease(None, run='echo Hm > "$HIVE_QUESTION_FILE"')))
    assert outcome.question.text == "Hm"


async def test_a_question_without_an_end_is_cut(source: Source, workshop: Workshop) -> None:
    flood = 'head -c 9000 /dev/zero | tr "\\0" x > "$HIVE_QUESTION_FILE"'
    outcome = asked(await workshop.perform(lease(source, run=flood)))
    assert len(outcome.question.text) == 4_097  # one more than there may be: the hive says so


async def test_nothing_of_a_persons_repository_is_changed_by_a_question(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    before = source.state()
    asked(await workshop.perform(lease(source, run=ASK)))
    assert source.state() == before
