insert into health.open_tasks as known
select * from unnest(
    $1::text[], $2::text[], $3::boolean[], $4::boolean[], $5::text[], $6::boolean[],
    $7::float8[], $8::float8[], $9::float8[]
)
on conflict (stream) do update set
    gating = excluded.gating, state = excluded.state, held = excluded.held,
    since = excluded.since, waited = excluded.waited, counted = excluded.counted
