insert into github.limits as l (installation, pool, kind, until_ms) values ($1, $2, $3, $4)
on conflict (installation, pool) do update
set kind = excluded.kind, until_ms = excluded.until_ms where excluded.until_ms >= l.until_ms
