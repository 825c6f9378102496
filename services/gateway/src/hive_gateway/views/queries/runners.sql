select json_agg(runner order by runner.name, runner.runner_id)
from gateway.runners as runner
