-- Stores bodies and records their deliveries, and records which deliveries were worked: as many at a
-- time as wait, in the one transaction of this statement. A body that is null is that of one that was
-- worked, whose body's days are counted from then on.
--
-- Answers each in its order with what hive.append says. A delivery that is recorded already is a
-- conflict, whether its body is still here or not, and leaves no second body; one that is worked
-- already is a conflict, too. Whatever else is wrong fails all: the process sends them again, one by
-- one.
--
-- Bodies go in first: append takes the log's lock, which is held until the commit.
create function record_deliveries(
    guids text[], bodies bytea[], event text[], type text[], data json[], meta json[]
) returns setof text language plpgsql set search_path = github, pg_catalog, pg_temp as $$
declare
    n constant int := cardinality(guids);
    each_one constant int[] := array_fill(1, array[n]);
    stored text[];      -- those whose body was not here before
    streams text[];
    place int[];        -- of each one's stream among these
    verdicts text[];
begin
    with coming as (
        -- In one order: two processes that are sent the same deliveries wait for each other.
        insert into deliveries (guid, body)
        select d.guid, d.body from unnest(guids, bodies) as d(guid, body)
        where d.body is not null order by d.guid
        on conflict do nothing returning guid)
    select coalesce(array_agg(c.guid), '{}') into stored from coming c;
    update deliveries d set worked_at = coalesce(d.worked_at, clock_timestamp())
        from unnest(guids, bodies) as w(guid, body)
        where w.body is null and d.guid = w.guid;
    streams := array(select distinct 'delivery-' || d.guid from unnest(guids) as d(guid));
    place := array(
        select array_position(streams, 'delivery-' || d.guid)
        from unnest(guids) with ordinality as d(guid, nth) order by d.nth);
    select array_agg(a.verdict order by a.nth) into verdicts from hive.append(
        array_fill(null::text, array[n]), array_fill(null::text, array[n]),
        array_fill(null::bytea, array[n]), array_fill('{}'::bytea, array[n]),
        null, null, each_one, each_one,
        streams, place,
        -- Received is a delivery's first event, worked its second.
        array(select case when d.body is null then 1 else 0 end::bigint
            from unnest(bodies) with ordinality as d(body, nth) order by d.nth),
        place, event, type, data, meta) with ordinality as a(verdict, at, answer, detail, nth);
    if not verdicts <@ array['written', 'conflict'] then
        raise exception 'deliveries were not recorded: %', verdicts;
    end if;
    delete from deliveries d where d.guid = any(stored) and not exists (
        select from unnest(guids, verdicts) as w(guid, verdict)
        where w.guid = d.guid and w.verdict = 'written');
    return query select v.verdict from unnest(verdicts) with ordinality as v(verdict, nth)
        order by v.nth;
end
$$;
drop function take_delivery(text, bytea, text, text, json, json);
