truncate gateway.missions, gateway.mission_details, gateway.phases, gateway.tasks, gateway.runners
