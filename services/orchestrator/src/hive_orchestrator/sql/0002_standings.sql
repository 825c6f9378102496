-- Missions that are paused or have a budget: a part of the board.
create table orchestrator.standings (
    mission_id text primary key,
    standing   json not null
);
