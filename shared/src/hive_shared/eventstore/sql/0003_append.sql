-- Command ids are UUIDv7: as text they sort by the moment at which they were minted, so that one
-- comparison tells which are older than the retention of 30 days.
create function hive.oldest_command() returns text language sql volatile
set search_path = pg_catalog, pg_temp as $$
    select lpad(to_hex((extract(epoch from clock_timestamp() - interval '30 days') * 1000)::bigint),
        12, '0')
$$;

grant execute on function hive.oldest_command() to hive_orchestrator;

-- Raises what no append may hold or this role may not write: SQLSTATE 42501 and H0001 to H0005. A
-- process checks its appends before it sends them, so whole batches do not fail; this is to be sure.
create function hive.admit(
    caller text[], command text[], answer bytea[], brings int[], stream text[],
    event_stream int[], type text[], data json[], meta json[]
) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    state text;
begin
    -- Streams and types become NATS subjects: a dot, a blank or a wildcard would stop the relay.
    state := coalesce(
        (select max('H0001') from unnest(stream) as a(stream)
            where a.stream !~ '^[a-z][a-z0-9_]*-[a-z0-9-]+$' or length(a.stream) > 200),
        (select max('H0001') from unnest(command, answer) as a(command, answer)
            where length(a.command) <> 32 or a.command !~ '^[0-9a-f]+$' or length(a.answer) > 8192),
        (select max('H0002') from unnest(brings) as a(events) where a.events > 256),
        (select max(case
            when octet_length(a.data::text) > 65536 then 'H0003'
            -- `json` stores an escaped NUL, and every later ::jsonb of that row would fail. An even
            -- number of backslashes before u0000 is text about a NUL, not a NUL.
            when strpos(a.meta::text, '\u0000') > 0 or strpos(a.data::text, '\u0000') > 0
                and a.data::text ~ '(^|[^\\])(\\\\)*\\u0000' then 'H0004'
            when a.type !~ '^[A-Za-z][A-Za-z0-9]*$' then 'H0001' end)
            from unnest(type, data, meta) as a(type, data, meta)),
        -- The same command twice is for two batches: the second is to find the first's answer.
        (select max('H0005') from unnest(caller, command) as a(caller, command)
            where a.command is not null group by a.caller, a.command having count(*) > 1 limit 1),
        (select max('42501') from (select distinct split_part(stream[a.s], '-', 1) as category
                from unnest(event_stream) as a(s)) as written
            where not exists (select from hive.writers w
                where w.role = session_user and w.category = written.category)));
    if state is not null then
        raise exception 'an append of this batch cannot be admitted' using errcode = state;
    end if;
end
$$;

-- Judges and writes a batch of appends, one after the other, each whole or not at all, and answers
-- each: written, repeated, reused, old, fenced or conflict. Whatever else is wrong fails the batch:
-- the process sends its appends again, one by one.
--
-- The parameters are columns. Of the appends: caller .. token, and how many expected versions and
-- events are its own (expects, brings). Of the streams that the batch names, each once: stream. Of
-- the expected versions and the events: which of these streams (from 1), and what.
create function hive.append(
    caller text[], command text[], fingerprint bytea[], answer bytea[], fence text[], token bigint[],
    expects int[], brings int[], stream text[], expected_stream int[], expected_version bigint[],
    event_stream int[], event text[], type text[], data json[], meta json[]
) returns table (verdict text, "position" bigint, first_answer bytea, detail text)
language plpgsql security definer
-- Pinned, or a caller could put its own operators before ours. No sequential scans and one plan: a
-- plan that was made while the tables were empty must stay right when they hold millions.
set search_path = pg_catalog, pg_temp set enable_seqscan = off
set plan_cache_mode = force_generic_plan as $$
declare
    appends constant int := cardinality(answer);
    oldest constant text := hive.oldest_command();
    last bigint;
    moment timestamptz;
    before bigint[];    -- the streams' versions before the batch, and as it goes
    versions bigint[];
    first_prints bytea[];
    first_positions bigint[];
    first_answers bytea[];
    tokens bigint[];    -- in force
    -- Filled beforehand: an array that is begun at its third element has no first and second.
    verdicts text[] := array_fill(null::text, array[appends]);
    positions bigint[] := array_fill(null::bigint, array[appends]);
    details text[] := verdicts;
    event_position bigint[] := array_fill(null::bigint, array[cardinality(event)]);
    event_version bigint[] := event_position;
    x int := 0;         -- expected versions and events that were looked at
    e int := 0;
    s int;
begin
    -- Under REPEATABLE READ every statement would judge on the snapshot from before the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'hive.append needs READ COMMITTED';
    end if;
    perform hive.admit(caller, command, answer, brings, stream, event_stream, type, data, meta);
    -- A statement of its own: the snapshots of the next ones are taken after the lock is held. The
    -- lock ends with the commit, so positions are dense and in commit order.
    perform pg_advisory_xact_lock(1751742053);
    -- From the index: a one-row head would grow four times slower under one long open snapshot.
    select l.position, l.recorded_at into last, moment
        from hive.events l order by l.position desc limit 1;
    last := coalesce(last, 0);
    -- now() is the moment before the lock, and would run backwards against commit order.
    moment := greatest(clock_timestamp(), moment);
    select array_agg(coalesce(k.version, 0) order by a.nth) into before
        from unnest(stream) with ordinality as a(stream, nth)
        left join hive.streams k on k.stream = a.stream;
    versions := before;
    select array_agg(k.fingerprint order by a.nth), array_agg(k.position order by a.nth),
            array_agg(k.answer order by a.nth) into first_prints, first_positions, first_answers
        from unnest(command, caller) with ordinality as a(command, caller, nth)
        left join hive.commands k on k.id = a.command and k.caller = a.caller;
    select array_agg(k.token order by a.nth) into tokens
        from unnest(fence) with ordinality as a(fence, nth)
        left join hive.fences k on k.role = session_user and k.name = a.fence;

    for n in 1 .. appends loop
        verdicts[n] := case
            when command[n] < oldest then 'old'
            when first_prints[n] <> fingerprint[n] then 'reused'
            when first_prints[n] is not null then 'repeated'
            when token[n] is not null and token[n] is distinct from tokens[n] then 'fenced'
            else 'written' end;
        for i in x + 1 .. x + expects[n] loop
            s := expected_stream[i];
            if versions[s] <> expected_version[i] and verdicts[n] = 'written' then
                verdicts[n] := 'conflict';
                details[n] := stream[s] || ' is at version ' || versions[s];
            end if;
        end loop;
        if verdicts[n] = 'written' then
            for i in e + 1 .. e + brings[n] loop
                s := event_stream[i];
                last := last + 1;
                versions[s] := versions[s] + 1;
                event_position[i] := last;
                event_version[i] := versions[s];
            end loop;
        end if;
        positions[n] := case verdicts[n] when 'repeated' then first_positions[n] else last end;
        x := x + expects[n];
        e := e + brings[n];
    end loop;

    insert into hive.events (position, stream, version, category, id, type, data, meta, recorded_at)
        select a.position, stream[a.s], a.version, split_part(stream[a.s], '-', 1), a.id, a.type,
            a.data, a.meta, moment
        from unnest(event_position, event_stream, event_version, event, type, data, meta)
            as a(position, s, version, id, type, data, meta) where a.position is not null;
    insert into hive.streams as k (stream, version)
        select a.stream, a.version from unnest(stream, before, versions)
            as a(stream, before, version) where a.version > a.before
        on conflict on constraint streams_pkey do update set version = excluded.version;
    insert into hive.commands (id, caller, fingerprint, position, answer)
        select a.id, a.caller, a.fingerprint, a.position, a.answer
        from unnest(command, caller, fingerprint, positions, answer, verdicts)
            as a(id, caller, fingerprint, position, answer, verdict)
        where a.verdict = 'written' and a.id is not null;
    return query select * from unnest(verdicts, positions, first_answers, details);
end
$$;

grant execute on function hive.append to hive_orchestrator;
