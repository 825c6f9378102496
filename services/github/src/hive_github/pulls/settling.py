"""The end of a round: whoever said what was mended is answered, and what became of it is noted."""

from typing import Final, Literal

from hive_contracts.github.pull_request import RoundAsked, SettleRound
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.deciders.rounds import Rounds
from hive_github.look import SeenRepository
from hive_github.pulls.body import plain
from hive_github.pulls.reviews import Reviews
from hive_github.pulls.story import Answered, Story
from hive_github.pulls.stuck import Stuck
from hive_github.records import Records

MAX_WORDS: Final = 1_500
"""Characters of what an agent said that are shown in an answer."""
MAX_REASON: Final = 500

Outcome = Literal["pushed", "unchanged", "failed", "declined"]


class Settling:
    def __init__(self, github: Github, records: Records) -> None:
        self._reviews = Reviews(github)
        self._records = records

    async def settle(self, story: Story, at: SeenRepository, cause: str) -> None:
        """Answer whoever said what was mended, and note what became of it.

        Each answer is given once, as what GitHub has of it is read first. Raises GithubError,
        StoreError.
        """
        state = await self._records.pull_request(story.mission_id)
        round = state.rounds.open
        if round is None or state.opened is None:
            return
        number, reason = round.round, story.reason
        if (why := story.declined.get(number)) is not None:
            await self._end(round, "declined", cause, reason=why)
        elif story.round != number or story.outcome == "open":
            return
        elif story.outcome != "succeeded":
            await self._end(round, "failed", cause, reason=reason)
        elif any(change.round == number for change in story.changes):
            if state.held == story.newest:
                await self._answer(round, state, story, at, pushed=True)
                await self._end(round, "pushed", cause, commit=state.pushed)
        else:
            await self._answer(round, state, story, at, pushed=False)
            said = story.answer.no_change if story.answer else ""
            await self._end(round, "unchanged", cause, reason=said)

    async def _end(
        self, round: RoundAsked, outcome: Outcome, cause: str, *, commit: str = "", reason: str = ""
    ) -> None:
        reason = reason[:MAX_REASON]
        ended = SettleRound(round.mission_id, round.round, outcome, commit, reason)
        await self._records.tell(ended, cause)

    async def _answer(
        self, round: RoundAsked, state: PullRequest, story: Story, at: SeenRepository, *,
        pushed: bool,
    ) -> None:  # fmt: skip
        if not round.by:
            return  # Nobody said it; of a review, and of what came of mending one, somebody did.
        assert state.opened is not None
        text = _answered(story.answer, state.pushed if pushed else "")
        for thread in round.threads:
            await self._reviews.answer(at, thread, round.round, text)
            if pushed:
                await self._reviews.resolve(at, thread)
        if not round.threads:
            await self._reviews.say(at, state.opened.number, round.round, text)
        if pushed:
            await self._reviews.ask_again(at, state.opened.number, round.by)


def waiting(story: Story, rounds: Rounds) -> Stuck | None:
    """Where the last round did not end in a push: what a person has to do."""
    halted = rounds.halted
    if halted is None:
        return None
    number, why = halted.round, f": {halted.reason}" if halted.reason else ""
    again = f"hive pr {story.name} --again"
    match halted.outcome:
        case "declined":
            return Stuck(
                f"round {number} was not taken up{why}", "see to it in a mission of its own"
            )
        case "unchanged":
            return Stuck(
                f"round {number} changed nothing{why}",
                f"see whether that is right; to have it tried again: {again}",
            )
        case _:
            return Stuck(
                f"round {number} failed{why}", f"look with `hive why {story.name}`, then: {again}"
            )


def _answered(answer: Answered | None, commit: str) -> str:
    if not commit:
        why = plain(answer.no_change[:MAX_WORDS]) if answer else ""
        return f"Nothing was changed{f': {why}' if why else '.'}"
    text = f"Mended in {commit}."
    if answer is not None and answer.files:
        files = "1 file" if answer.files == 1 else f"{answer.files} files"
        text = f"Mended in {commit}: {files} +{answer.insertions} −{answer.deletions}."
    if answer is not None and answer.words.strip():
        quoted = "\n".join(f"> {plain(line)}" for line in answer.words[:MAX_WORDS].splitlines())
        text += f"\n\n{quoted}"
    return text
