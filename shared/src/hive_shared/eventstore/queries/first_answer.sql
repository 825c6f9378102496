select $1 < hive.oldest_command() as old, c.fingerprint, c.position, c.answer
from (select) one left join hive.commands c on c.id = $1 and c.caller = $2
