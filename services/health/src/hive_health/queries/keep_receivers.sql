-- A receiver that is new hears of what comes, not of what was; one that is not to be told any more
-- would be said to stand still for ever.
with gone as (
    delete from health.subscriptions where name like 'incidents-%' and name <> all($1::text[])
)
insert into health.subscriptions (name, log_id, position)
select name, $2, $3 from unnest($1::text[]) as name
on conflict (name) do nothing
