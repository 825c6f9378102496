"""The span of an agent's turn, named as OpenTelemetry's conventions for generative AI ask for it.

https://github.com/open-telemetry/semantic-conventions-genai: `invoke_agent`. Neither prompts nor
answers are told: they are artifacts, which can be deleted.
"""

from typing import Final

from hive_contracts.outcome import Usage
from hive_runner.agents.agent import Agent
from hive_runner.steps.job import Job
from hive_shared.telemetry import Attribute, Span, span

_PROVIDERS: Final = {"claude": "anthropic", "codex": "openai", "gemini": "gcp.gemini"}
"""By the command; others speak to whatever they are set up for."""


def turn_span(job: Job, agent: Agent) -> Span:
    """Of a task's own command, or of its agent."""
    about: dict[str, Attribute] = {"task_id": job.name.task_id}
    if not agent.name:
        return span("attempt.command", job.traceparent, attributes=about)
    about |= {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent.name,
    }
    command = agent.profile.command[0].rpartition("/")[2] if agent.profile.command else ""
    if provider := _PROVIDERS.get(command):
        about["gen_ai.provider.name"] = provider
    if agent.wish.model:
        about["gen_ai.request.model"] = agent.wish.model
    return span(f"invoke_agent {agent.name}", job.traceparent, kind="client", attributes=about)


def used(session: str, usage: Usage | None) -> dict[str, Attribute]:
    """What an agent told of its turn."""
    told: dict[str, Attribute] = {"gen_ai.conversation.id": session} if session else {}
    if usage is not None:
        told |= {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "hive.usage.billed_usd": usage.billed_usd,
            "hive.usage.estimated_usd": usage.estimated_usd,
        }
    return told
