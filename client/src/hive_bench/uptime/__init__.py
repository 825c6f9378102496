"""Whether a replicated hive stays available while each of its processes is killed in turn."""
