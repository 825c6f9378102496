select installation, pool, kind, until_ms from github.limits where until_ms > $1
