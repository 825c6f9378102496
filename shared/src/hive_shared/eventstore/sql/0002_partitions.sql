-- Partitions of 10 million positions: the one that is written to and two ahead. Called by the
-- relay, never inside append. There is no default partition: to attach beside one scans it.
create function hive.ensure_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    size constant bigint := 10000000;
    current bigint;
    partition text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(1751742054);
    select coalesce(max(e.position), 1) / size into current from hive.events e;
    for number in current .. current + 2 loop
        partition := 'events_' || lpad(number::text, 6, '0');
        continue when to_regclass('hive.' || partition) is not null;
        -- LIKE and ATTACH: plain PARTITION OF would wait for every open reader, and all would wait
        -- behind it. ATTACH brings the indexes and the trigger on rows.
        execute format('create table hive.%I (like hive.events including constraints)', partition);
        execute format('create trigger no_truncate before truncate on hive.%I
            for each statement execute function hive.refuse_change()', partition);
        execute format('alter table hive.%I enable always trigger no_truncate', partition);
        execute format('alter table hive.events attach partition hive.%I
            for values from (%s) to (%s)', partition, number * size, (number + 1) * size);
        made := made + 1;
    end loop;
    return made;
end
$$;

grant execute on function hive.ensure_partitions() to hive_relay;

select hive.ensure_partitions();
