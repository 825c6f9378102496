truncate github.repositories, github.pull_requests, github.limits, github.awaited_checks
