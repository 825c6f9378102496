-- Rows that changed, a JSON list for each table, in one statement.
with missions as (
    insert into gateway.missions
    select * from json_populate_recordset(null::gateway.missions, $1::text::json)
    on conflict (mission_id) do update set
        status = excluded.status,
        reason = excluded.reason,
        ended_at = excluded.ended_at,
        tasks = excluded.tasks,
        tasks_done = excluded.tasks_done,
        pending = excluded.pending,
        unmet = excluded.unmet,
        tip = excluded.tip,
        landed = excluded.landed,
        released = excluded.released,
        pause = excluded.pause,
        purse = excluded.purse,
        deadline = excluded.deadline,
        again_as = excluded.again_as
), details as (
    insert into gateway.mission_details
    select * from json_populate_recordset(null::gateway.mission_details, $2::text::json)
    on conflict (mission_id) do nothing
), phases as (
    insert into gateway.phases
    select * from json_populate_recordset(null::gateway.phases, $3::text::json)
    on conflict (mission_id, name) do update set
        status = excluded.status
), tasks as (
    insert into gateway.tasks
    select * from json_populate_recordset(null::gateway.tasks, $4::text::json)
    on conflict (task_id) do update set
        status = excluded.status,
        epoch = excluded.epoch,
        attempt = excluded.attempt,
        counted = excluded.counted,
        step = excluded.step,
        runner_id = excluded.runner_id,
        failure = excluded.failure,
        gates = excluded.gates,
        result = excluded.result,
        approvals = excluded.approvals,
        asks = excluded.asks,
        merged = excluded.merged,
        usage = excluded.usage,
        taken = excluded.taken,
        question = excluded.question,
        changed_at = excluded.changed_at
)
insert into gateway.runners
select * from json_populate_recordset(null::gateway.runners, $5::text::json)
on conflict (runner_id) do update set
    name = excluded.name,
    session_id = excluded.session_id,
    status = excluded.status,
    slots = excluded.slots,
    agents = excluded.agents,
    changed_at = excluded.changed_at
