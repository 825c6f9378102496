insert into health.alerts as known
    (fingerprint, name, labels, text, severity, since_ms, ended_at, told_at)
select fingerprint, name, labels::json, text, severity, since_ms,
    case when is_over then clock_timestamp() end, clock_timestamp()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bool[])
    as new (fingerprint, name, labels, text, severity, since_ms, is_over)
on conflict (fingerprint) do update set
    name = excluded.name, labels = excluded.labels, text = excluded.text,
    severity = excluded.severity, since_ms = excluded.since_ms, told_at = excluded.told_at,
    -- Over is over since it was said first.
    ended_at = case when excluded.ended_at is null then null
        else coalesce(known.ended_at, excluded.ended_at) end
