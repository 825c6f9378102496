"""The local stack: PostgreSQL, NATS, the services and a runner on one machine."""

from hive_stack.agents import Agent
from hive_stack.errors import StackError
from hive_stack.overview import Overview, overview
from hive_stack.stack import Stack
from hive_stack.state import Program, StackState

__all__ = ["Agent", "Overview", "Program", "Stack", "StackError", "StackState", "overview"]
