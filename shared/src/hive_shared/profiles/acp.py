"""How the lines of the hive's own client of the Agent Client Protocol are read: the events of every
agent of that kind."""

from typing import Final

from hive_shared.profiles.profile import Reading

ACP_EVENTS: Final = (
    Reading(when={"type": "session"}, session="id"),
    Reading(when={"type": "message"}, message="text"),
    Reading(when={"type": "error"}, error="message"),
    Reading(
        when={"type": "usage"}, input=("input",), cached=("cached",), output=("output",), cost="usd"
    ),
)
