-- Where the index stands.
select log_id, position from gateway.artifact_index
