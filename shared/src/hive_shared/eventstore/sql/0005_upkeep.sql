-- What the relay calls now and then.

-- Begins a new history, unless somebody did since the caller saw `seen`; answers the id in force.
-- Under append's lock: no append falls between two histories.
create function hive.renew_log_id(seen text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    current text;
begin
    perform pg_advisory_xact_lock(1751742053);
    select l.id into current from hive.log_ids l order by l.number desc limit 1;
    if current = seen then
        insert into hive.log_ids (id) values (replace(gen_random_uuid()::text, '-', ''))
        returning id into current;
    end if;
    return current;
end
$$;

-- Forgets first answers that append refuses to look up any more, at most `rows` of them; answers
-- how many. A day of margin: a clock set back must not make a forgotten id acceptable.
create function hive.purge_commands(rows integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    purged integer;
begin
    delete from hive.commands c where (c.id, c.caller) in (
        select o.id, o.caller from hive.commands o
        where o.id < lpad(to_hex(
            (extract(epoch from clock_timestamp() - interval '31 days') * 1000)::bigint), 12, '0')
        order by o.id limit rows);
    get diagnostics purged = row_count;
    return purged;
end
$$;

-- What is wrong with the log: no row, nothing. Reads it whole, in one snapshot.
create function hive.check_streams() returns table (stream text, fault text)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with found as (
        select e.stream, min(e.version) as lowest, max(e.version) as highest, count(*) as events,
            count(distinct e.version) as versions
        from hive.events e group by e.stream
    )
    select f.stream, 'a version is there twice' from found f where f.events <> f.versions
    union all
    select f.stream, 'versions are missing' from found f
        where f.lowest <> 1 or f.highest <> f.versions
    union all
    select coalesce(f.stream, s.stream), 'hive.streams says another version'
        from found f full join hive.streams s on s.stream = f.stream
        where f.highest is distinct from s.version
    union all
    select null, 'positions are not dense'
        from hive.events e having max(e.position) - min(e.position) + 1 <> count(*)
            or min(e.position) <> 1
$$;

grant execute on function hive.renew_log_id, hive.purge_commands, hive.check_streams to hive_relay;
