"""Works on deliveries that are recorded: an effect for each."""

import hashlib
from typing import Final, Literal, Protocol

import msgspec

from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.github.check import CheckPlace
from hive_contracts.github.delivery import DeliveryReceived, FinishDelivery
from hive_contracts.github.places import Places
from hive_github.api.errors import Forbidden, Limited, NotFound
from hive_github.api.limits import Urgency
from hive_github.api.waiting import waited_for
from hive_github.checks.buttons import Pressed, Suite
from hive_github.issues.look import IssueLooks
from hive_github.look import Looks, NoAccess, until_let_in
from hive_github.views.reader import Ours, Views
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.meaning import (
    BranchTouched,
    ButtonTouched,
    CommitTouched,
    GroupAsked,
    InstallationTouched,
    IssueTouched,
    PullRequestTouched,
    RepositoriesGone,
    RepositoryTouched,
    SuiteTouched,
    Touched,
    touched,
)
from hive_shared.projection import Progress
from hive_shared.subscriptions.effects import PutOff

ROWS_SECONDS: Final = 10.0

Outcome = Literal["taken", "ignored", "lost"]


class Reacting(Protocol):
    """What follows from checks and from the merge of a pull request.

    Each raises GithubError, GitError, ArtifactError, StoreError, Unanswered.
    """

    async def pull_request(self, ours: Ours, cause: str) -> None: ...

    async def branch(self, repository_id: str, branch: str, cause: str) -> str: ...

    async def commit(self, commit: str, cause: str) -> str:
        """Why nothing follows from it; empty where something was looked at."""
        ...

    async def group(self, ours: Ours, head: str, cause: str) -> None: ...

    async def button(self, pressed: Pressed, cause: str) -> str:
        """Why nothing follows from it; empty where something does."""
        ...

    async def suite(self, suite: Suite, cause: str) -> str:
        """Why nothing follows from it; empty where something does."""
        ...


def _by(at: Touched) -> Urgency:
    """Who waits for what follows: a command or a button is somebody's, a queue holds up people."""
    persons = IssueTouched | ButtonTouched | SuiteTouched | GroupAsked
    return "person" if isinstance(at, persons) else "work"


class DeliveryWork:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "deliveries"

    def __init__(
        self,
        deliveries: Deliveries,
        views: Views,
        rows: Progress,
        looks: Looks,
        issues: IssueLooks,
        places: Places,
        react: Reacting,
    ) -> None:
        """`rows` says how far the views are."""
        self._deliveries = deliveries
        self._views = views
        self._rows = rows
        self._looks = looks
        self._issues = issues
        self._places = places
        self._react = react

    def wants(self, event: Recorded) -> bool:
        return event.type == DeliveryReceived.__name__

    async def perform(self, event: Recorded, effect_id: str) -> None:
        received = decode(event)
        assert isinstance(received, DeliveryReceived)
        # What was recorded before the delivery came must be in the rows, or it would not be known.
        # One that takes long is tried again.
        await self._rows.wait_for(event.position, ROWS_SECONDS)
        outcome, reason = await self._work(received, effect_id)
        done = FinishDelivery(received.delivery_id, outcome, reason)
        await self._deliveries.finish(received, done, effect_id, event.meta.traceparent)

    async def _work(self, received: DeliveryReceived, cause: str) -> tuple[Outcome, str]:
        body = await self._deliveries.body(received.delivery_id)
        if body is None:
            return "lost", "its body was deleted before it was read"
        if hashlib.sha256(body).hexdigest() != received.digest:
            return "lost", "its body is not the one that was recorded"
        try:
            found = touched(received.event, body)
        except msgspec.MsgspecError as error:
            return "ignored", f"it is not as GitHub describes it: {error}"[:500]
        reasons = [await self._look(each, cause) for each in found]
        missed = [reason for reason in reasons if reason]
        if len(missed) < len(found):
            return "taken", "; ".join(missed)[:500]
        return "ignored", ("; ".join(missed) or f"nothing follows from {received.event} here")[:500]

    async def _look(self, at: Touched, cause: str) -> str:
        """Why nothing follows from it; empty where something was looked at. Raises PutOff."""
        try:
            with waited_for(_by(at)), until_let_in():
                return await self._looked(at, cause)
        except Limited as error:
            raise PutOff(error.seconds, str(error)) from error
        except (NoAccess, NotFound) as error:
            # It is gone again, or was never given to us: nothing to wait for.
            return str(error)
        except Forbidden as error:
            # A delivery says only where to look, and what we may see later is looked at every few
            # minutes. What was asked by a button or a queue is found by no look.
            if isinstance(at, ButtonTouched | SuiteTouched | GroupAsked):
                raise
            return str(error)

    async def _looked(self, at: Touched, cause: str) -> str:
        """Raises NoAccess, and what `Reacting` raises."""
        match at:
            case RepositoryTouched(full_name=name):
                await self._looks.repository(name, cause)
            case RepositoriesGone(reason=reason):
                for id in await self._gone(at):
                    await self._looks.lose(id, reason, cause)
            case InstallationTouched(installation=installation):
                names = await self._views.at_installation(installation)
                said = [await self._look(RepositoryTouched(n, installation), cause) for n in names]
                return "" if not all(said) else "; ".join(said) or "no repository of it is known"
            case PullRequestTouched():
                id = self._places.repository_id(at.repository)
                ours = await self._views.mission_of(id, at.number)
                if ours is None:
                    return f"{at.full_name}#{at.number} is no pull request of the hive's"
                where = (at.full_name, at.number, at.installation)
                await self._looks.of(ours.part).pull_request(ours.mission_id, *where, cause)
                await self._react.pull_request(ours, cause)
            case IssueTouched():
                where = (at.full_name, at.number, at.installation)
                return await self._issues.issue(*where, cause)
            case BranchTouched(branch=branch):
                id = self._places.repository_id(at.repository)
                return await self._react.branch(id, branch, cause)
            case CommitTouched(commit=commit):
                return await self._react.commit(commit, cause)
            case GroupAsked():
                id = self._places.repository_id(at.repository)
                ours = await self._views.mission_of(id, at.number)
                if ours is None:
                    return f"{at.full_name}#{at.number} is no pull request of the hive's"
                await self._react.group(ours, at.head, cause)
            case ButtonTouched():
                id = self._places.repository_id(at.repository)
                place = CheckPlace(at.external_id, at.head)
                pressed = Pressed(at.full_name, id, at.installation, place, at.button, at.login)
                return await self._react.button(pressed, cause)
            case SuiteTouched():
                id = self._places.repository_id(at.repository)
                suite = Suite(at.full_name, id, at.installation, at.head, at.login)
                return await self._react.suite(suite, cause)
        return ""

    async def _gone(self, at: RepositoriesGone) -> list[str]:
        if at.numbers:
            return [self._places.repository_id(number) for number in at.numbers]
        return await self._views.of_installation(at.installation)
