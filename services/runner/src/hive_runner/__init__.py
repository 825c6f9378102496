"""The runner: it hosts attempts beside their repositories, and speaks to the gateway alone.

link          the way to the hive: session, orders, reports, artifacts, live output
steps         what an attempt goes through, from its lease to its outcome
agents        coding agents: how they are asked, what they say, what they may use; acp is a protocol
judging       gates: run, measured and judged
repositories  mirrors, worktrees, commits, what is kept
processes     commands: started, bounded, watched and ended as a whole
testing       a scripted model, to rehearse missions with
"""
