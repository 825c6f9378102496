"""How the client's lines are read: the profile's events of every agent of this kind."""

from typing import Final

from hive_shared.profiles import Reading

EVENTS: Final = (
    Reading(when={"type": "session"}, session="id"),
    Reading(when={"type": "message"}, message="text"),
    Reading(when={"type": "error"}, error="message"),
    Reading(
        when={"type": "usage"}, input=("input",), cached=("cached",), output=("output",), cost="usd"
    ),
)
