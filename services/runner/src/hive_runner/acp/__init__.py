"""Agents that speak the Agent Client Protocol over stdio (https://agentclientprotocol.com).

    runner ── process group ──▶ python -m hive_runner.acp … -- AGENT ── stdio, JSON-RPC ──▶ AGENT
                 its output ◀── one JSON line for each thing that happens (`told`)

The client is a program of its own in the attempt's process group. So an agent of this kind obeys
the time-outs, the bounds and the kills of every other command, and what an agent sends can break
its own client only.
"""
