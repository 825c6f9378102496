-- A delivery is worked once: recorded, and the days of its body are counted from then on, in the one
-- transaction of this statement. Answers what hive.append says; a conflict is one that is worked
-- already.
create function finish_delivery(
    delivery text, event_id text, event_type text, event_data json, event_meta json
) returns text language plpgsql set search_path = github, pg_catalog, pg_temp as $$
declare
    said text;
begin
    update deliveries set worked_at = coalesce(worked_at, clock_timestamp()) where guid = delivery;
    select a.verdict into strict said from hive.append(
        array[null::text], array[null::text], array[null::bytea], array['{}'::bytea],
        array[null::text], array[null::bigint], array[1], array[1],
        -- Received is its first event.
        array['delivery-' || delivery], array[1], array[1::bigint],
        array[1], array[event_id], array[event_type], array[event_data], array[event_meta]) as a;
    if said not in ('written', 'conflict') then
        raise exception 'what became of delivery % was not recorded: %', delivery, said;
    end if;
    return said;
end
$$;
