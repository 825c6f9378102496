"""What the hive knows of GitHub: the events and commands of the service that speaks to it."""
