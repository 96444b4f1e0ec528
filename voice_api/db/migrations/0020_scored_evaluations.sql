-- A submission's scores, which the public table counts and shows the last of, without its rows: these have the size of their receipts' heads.
create index evaluations_scored on evaluations (submission_id, round) include (id, score, stderr) where state = 'scored';
