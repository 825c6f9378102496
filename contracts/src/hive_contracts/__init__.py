"""Messages of Agent Hive: what services, runners and outside tools say to each other."""
