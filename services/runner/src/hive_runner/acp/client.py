"""The hive's side of a conversation with an agent: what it streams is printed as it comes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from acp import RequestError
from acp.interfaces import Agent
from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    PermissionOption,
    PromptResponse,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
)

from hive_contracts.dialogue import ALLOW, Ruling
from hive_runner.acp import policy
from hive_runner.acp.permission import Person
from hive_shared.profiles import Rules

Say = Callable[[dict[str, Any]], None]

_VERBS: Final = {
    "read": "read", "edit": "edit", "delete": "delete", "move": "move", "search": "search",
    "execute": "run", "fetch": "fetch",
}  # fmt: skip


_WORK: Final = (AgentMessageChunk, AgentThoughtChunk, ToolCallStart, ToolCallProgress)


class HiveClient:
    """Answers an agent, and offers no files and no terminals: it is in the worktree itself."""

    def __init__(
        self, permissions: Mapping[str, Ruling], say: Say, rules: Rules | None = None
    ) -> None:
        """`rules` are the mission's, if it has any."""
        self._permissions = permissions
        self._rules = rules
        self.person = Person(say)
        self._say = say
        self._message = ""
        self._cost: float | None = None
        self.session = ""
        """Its id, once there is one."""
        self.silent = False
        """While an old session is loaded, its agent repeats all that was said in it."""
        self.heard = False
        """Whether it has said or done anything in this turn."""

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        if self.silent:
            return
        self.heard = self.heard or isinstance(update, _WORK)
        match update:
            case AgentMessageChunk(content=TextContentBlock(text=text)):
                self._message += text
                self._say({"type": "chunk", "text": text})
                return
            case AgentThoughtChunk(content=TextContentBlock(text=text)):
                self._say({"type": "thought", "text": text})
                return
            case UsageUpdate():
                if update.cost is not None and update.cost.currency == "USD":
                    self._cost = update.cost.amount
                self._say({"type": "context", "used": update.used, "size": update.size})
                return
            case ToolCallStart() | ToolCallProgress():
                self.end_message()
                self._say(
                    {
                        "type": "tool", "id": update.tool_call_id, "title": update.title,
                        "kind": update.kind, "status": update.status,
                    }
                )  # fmt: skip
            case AgentPlanUpdate(entries=entries):
                self.end_message()
                steps = [{"step": entry.content, "status": entry.status} for entry in entries]
                self._say({"type": "plan", "steps": steps})
            case _:
                # A sign of life, whatever it means.
                self._say({"type": str(getattr(update, "session_update", "update"))})

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        kind = tool_call.kind or "other"
        command = policy.command_of(tool_call.raw_input)
        decision = policy.decide(self._permissions, kind, self._rules, command)
        if decision == "ask":
            what = command or tool_call.title or kind
            question = f"May I {_VERBS.get(kind, 'do')}: {what}"
            decision = "allow" if await self.person.ask(question) == ALLOW else "deny"
        self._say(
            {"type": "permission", "kind": kind, "title": tool_call.title, "answer": decision}
        )
        return policy.answer(decision, options)

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """An agent's own; nothing here understands it."""

    def on_connect(self, conn: Agent) -> None:
        """The client only answers."""

    def end_message(self) -> None:
        """What comes next is no part of the message so far."""
        if self._message.strip():
            self._say({"type": "message", "text": self._message})
        self._message = ""

    def end(self, response: PromptResponse) -> None:
        """The turn is over."""
        self.end_message()
        usage = response.usage
        if usage is not None or self._cost is not None:
            cached = (usage.cached_read_tokens or 0) if usage else 0
            written = (usage.cached_write_tokens or 0) if usage else 0
            self._say(
                {
                    "type": "usage",
                    "input": usage.input_tokens + cached + written if usage else 0,
                    "cached": cached,
                    "output": usage.output_tokens + (usage.thought_tokens or 0) if usage else 0,
                    "usd": self._cost,
                }
            )
        self._say({"type": "stopped", "reason": response.stop_reason})
