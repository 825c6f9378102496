-- Command ids are UUIDv7: as text they sort by the moment at which they were minted, so one
-- comparison tells which are older than the retention of 30 days.
create function hive.oldest_command() returns text language sql volatile
set search_path = pg_catalog, pg_temp as $$
    select lpad(to_hex((extract(epoch from clock_timestamp() - interval '30 days') * 1000)::bigint), 12, '0')
$$;

grant execute on function hive.oldest_command() to hive_orchestrator;

-- Judges and writes a batch of appends, each whole or not at all, and answers each.
--
-- caller .. token have one element per append, seen_* one per expected version, the rest one per
-- event; seen_by and event_of say which append (from 1) an element belongs to.
--
-- The verdicts: written, repeated, reused, old, forbidden, fenced, conflict; and `later`, where
-- the answer hangs on an append before it in this batch, so the process sends it again.
create function hive.append(
    caller text[], command text[], fingerprint bytea[], answer bytea[], fence text[], token bigint[],
    seen_by int[], seen text[], seen_version bigint[],
    event_of int[], stream text[], event text[], type text[], data json[], meta json[]
) returns table (number bigint, verdict text, "position" bigint, first_answer bytea, detail text)
language plpgsql security definer
-- Pinned, or a caller could put its own operators before ours. No sequential scans, and one plan:
-- a plan made while the tables were empty must stay right when they hold millions.
set search_path = pg_catalog, pg_temp set enable_seqscan = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    oldest constant text := hive.oldest_command();
    last bigint;
    moment timestamptz;
    mine text[];
begin
    -- Under REPEATABLE READ every statement would judge on the snapshot from before the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'hive.append needs READ COMMITTED';
    end if;
    -- A statement of its own: the snapshot of the next one is taken after the lock is held. The
    -- lock ends with the commit, so positions are dense and in commit order.
    perform pg_advisory_xact_lock(1751742053);
    -- From the index: a one-row head would grow four times slower under one long open snapshot.
    select e.position, e.recorded_at into last, moment
        from hive.events e order by e.position desc limit 1;
    last := coalesce(last, 0);
    -- now() is the moment before the lock, and would run backwards against commit order.
    moment := greatest(clock_timestamp(), moment);
    mine := array(select w.category from hive.writers w where w.role = session_user);

    return query
    with asked as (
        select a.*, old.fingerprint as old_fingerprint, old.position as old_position,
            old.answer as old_answer, (select f.token from hive.fences f
                where f.role = session_user and f.name = a.fence) as held,
            row_number() over (partition by a.command, a.caller order by a.n) > 1 as again
        from unnest(caller, command, fingerprint, answer, fence, token) with ordinality
            as a(caller, command, fingerprint, answer, fence, token, n)
        left join hive.commands old on old.id = a.command and old.caller = a.caller
    ), events as (
        select e.*, split_part(e.stream, '-', 1) as category
        from unnest(event_of, stream, event, type, data, meta) with ordinality
            as e(n, stream, id, type, data, meta, nth)
    ), writes as (
        select n, stream, count(*) as events, bool_and(category = any (mine)) as allowed
        from events group by n, stream
    ), expected as (
        select x.n, x.stream, x.version, w.events, coalesce(w.allowed, true) as allowed,
            coalesce((select s.version from hive.streams s where s.stream = x.stream), 0) as now,
            min(w.n) over (partition by x.stream) < x.n as behind
        from unnest(seen_by, seen, seen_version) as x(n, stream, version)
        left join writes w on w.n = x.n and w.stream = x.stream
    ), checked as (
        select n, sum(events) as events, bool_and(allowed) as allowed,
            bool_or(version <> now and not (behind and version > now)) as conflict,
            bool_or(behind) as behind,
            min(stream || ' is at version ' || now) filter (where version <> now) as detail
        from expected group by n
    ), judged as (
        select a.*, coalesce(c.events, 0) as events, c.detail, case
            when a.command < oldest then 'old'
            when a.old_fingerprint <> a.fingerprint then 'reused'
            when a.old_fingerprint is not null then 'repeated'
            when a.again and a.command is not null then 'later'
            when not c.allowed then 'forbidden'
            when a.fence is not null and a.token is distinct from a.held then 'fenced'
            when c.conflict then 'conflict'
            when c.behind then 'later'
            else 'written' end as verdict
        from asked a left join checked c on c.n = a.n
    ), placed as (
        select *, last + sum(events) filter (where verdict = 'written') over (order by n) as upto
        from judged
    ), written as (
        insert into hive.events (position, stream, version, category, id, type, data, meta, recorded_at)
        select last + row_number() over (order by e.nth), e.stream,
            x.now + row_number() over (partition by e.stream order by e.nth),
            e.category, e.id, e.type, e.data, e.meta, moment
        from events e join judged j on j.n = e.n and j.verdict = 'written'
        left join expected x on x.n = e.n and x.stream = e.stream
        returning stream, version
    ), moved as (
        insert into hive.streams (stream, version) select stream, max(version) from written group by stream
        on conflict (stream) do update set version = excluded.version
    ), remembered as (
        insert into hive.commands (id, caller, fingerprint, position, answer)
        select command, caller, fingerprint, coalesce(upto, last), answer
        from placed where verdict = 'written' and command is not null
    )
    select n, verdict, case verdict when 'repeated' then old_position else coalesce(upto, last)::bigint end,
        case verdict when 'repeated' then old_answer end, case verdict when 'conflict' then detail end
    from placed order by n;
end
$$;

grant execute on function hive.append to hive_orchestrator;
