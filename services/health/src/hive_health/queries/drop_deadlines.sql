-- Those that ended between two positions: whatever comes back of one, it was in time or was not.
delete from health.deadlines d
using hive.events e
where e.position > $1 and e.position <= $2 and e.category = 'mission' and e.stream = d.stream
    and e.type in ('MissionSucceeded', 'MissionFailed', 'MissionRefused', 'MissionCancelled')
