-- The raw bodies of webhooks, as GitHub sent and signed them. Private: nobody but this service reads
-- them, and they are deleted some days after they were worked. The log holds facts and a digest.

create table deliveries (
    guid text collate "C" primary key,
    body bytea not null,
    received_at timestamptz not null default clock_timestamp(),
    worked_at timestamptz
);
-- Bodies are JSON text; nobody searches in them.
alter table deliveries alter column body set compression pglz;
create index deliveries_worked on deliveries (worked_at) where worked_at is not null;

-- Stores a body and records its delivery, both or neither, in the one transaction of this statement.
-- Answers what hive.append says; a delivery that is recorded already is a conflict, whether its body
-- is still here or not, and leaves no second body.
--
-- The body goes in first: append takes the log's lock, which is held until the commit.
create function take_delivery(
    delivery text, delivery_body bytea, event_id text, event_type text, event_data json,
    event_meta json
) returns text language plpgsql set search_path = github, pg_catalog, pg_temp as $$
declare
    said text;
    is_new integer;
begin
    insert into deliveries (guid, body) values (delivery, delivery_body) on conflict do nothing;
    get diagnostics is_new = row_count;
    select a.verdict into strict said from hive.append(
        array[null::text], array[null::text], array[null::bytea], array['{}'::bytea],
        array[null::text], array[null::bigint], array[1], array[1],
        array['delivery-' || delivery], array[1], array[0::bigint],
        array[1], array[event_id], array[event_type], array[event_data], array[event_meta]) as a;
    if said = 'conflict' then
        if is_new = 1 then
            delete from deliveries d where d.guid = delivery;
        end if;
    elsif said <> 'written' then
        raise exception 'delivery % was not recorded: %', delivery, said;
    end if;
    return said;
end
$$;
