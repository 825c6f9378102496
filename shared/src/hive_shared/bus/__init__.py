"""The bus: NATS JetStream, a copy of the record for those who subscribe.

`message` is an event's form there, `events` the event stream (published and looked at), `live` a
reader's end of it, `survey` the comparison of bus and record. It can be lost whole: the relay makes
it again from the record.
"""
