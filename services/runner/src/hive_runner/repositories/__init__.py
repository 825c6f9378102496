"""The person's repositories on this machine: mirrors, worktrees, commits, what is kept."""
