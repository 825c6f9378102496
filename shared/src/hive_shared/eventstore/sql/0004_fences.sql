-- Takes a fence, or keeps it, for ttl_ms of database time; null while another holder has it.
-- Under append's lock: whatever was appended with the older token is already in the log, and can
-- be read, when the new holder learns its own.
create function hive.take_fence(fence text, new_holder text, ttl_ms bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    taken bigint;
begin
    perform pg_advisory_xact_lock(1751742053);
    insert into hive.fences as f (role, name, holder, token, expires_at)
    values (session_user, fence, new_holder, 1, clock_timestamp() + ttl_ms * interval '1 ms')
    on conflict (role, name) do update set
        token = f.token + case
            when f.holder = new_holder and f.expires_at > clock_timestamp() then 0 else 1 end,
        holder = new_holder,
        expires_at = clock_timestamp() + ttl_ms * interval '1 ms'
    where f.holder = new_holder or f.expires_at <= clock_timestamp()
    returning f.token into taken;
    return taken;
end
$$;

-- Nothing happens where another holder has it by now.
create function hive.release_fence(fence text, held bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update hive.fences set expires_at = '-infinity'
    where role = session_user and name = fence and token = held
$$;

grant execute on function hive.take_fence, hive.release_fence to hive_orchestrator;
