"""Answers what people ask about the policy, and lets them override it."""

from hive_contracts.codec import UnknownEvent
from hive_contracts.ids import is_id
from hive_contracts.policy import EndOverride, OverridePolicy
from hive_contracts.policy_report import PolicyReport, PolicyTold, TellPolicy
from hive_contracts.submit import Refused
from hive_health.policy.decider import NotSo
from hive_health.policy.keeper import Keeper
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import CommandReused, CommandTooOld, StoreError
from hive_shared.policy_shown import shown


class Desk:
    """Each method answers Refused where it cannot do what is asked."""

    def __init__(self, keeper: Keeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock

    async def policy(self) -> PolicyReport | Refused:
        try:
            await self._keeper.refresh()
        except (StoreError, UnknownEvent) as error:
            return _away(error)
        return self._shown()

    async def tell(self, asked: TellPolicy) -> PolicyTold | Refused:
        if not is_id(asked.command_id):
            return Refused("invalid", "it is no command id", "command_id")
        now_ms = self._clock.now_ms()
        command: OverridePolicy | EndOverride = EndOverride(now_ms, asked.actor)
        if asked.for_s:
            reason = asked.reason.replace("\0", "")
            for_ms = int(min(asked.for_s, 1e9) * 1000)
            command = OverridePolicy(now_ms, asked.actor, for_ms, reason)
        try:
            position = await self._keeper.tell(command, asked.actor, asked.command_id)
        except NotSo as no:
            return Refused("invalid", no.message, no.where, no.remedy)
        except CommandReused as error:
            return Refused("reused", str(error), "command_id", "use a new command id")
        except CommandTooOld as error:
            return Refused("too-old", str(error), "command_id", "use a new command id")
        except (StoreError, UnknownEvent) as error:
            return _away(error)
        return PolicyTold(self._shown(), position)

    def _shown(self) -> PolicyReport:
        return shown(self._keeper.standing, self._clock.now_ms(), self._keeper.problem)


def _away(error: Exception) -> Refused:
    return Refused("unavailable", f"the record does not answer: {error}", remedy="repeat")
