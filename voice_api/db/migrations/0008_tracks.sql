-- The family that a repository names decides its track; both are known once a worker has read the repository.
alter table submissions add column family text;
alter table evaluations add column track text;

-- Each track has a king. Entries of before have one ledger for all: they are refused by name, and folded again.
alter table ledger drop column king_entrant;
alter table ledger add column kings jsonb not null default '{}' check (jsonb_typeof(kings) = 'object');

-- A view keeps the columns that its tables had when it was made.
drop view submissions_with_score;
create view submissions_with_score as
select s.*, last.score, last.stderr, last.round as scored_round, last.track
from submissions s
left join lateral (
    select e.score, e.stderr, e.round, e.track from evaluations e
    where e.submission_id = s.id and e.state in ('scored', 'rejected')
    order by e.round desc
    limit 1
) last on true;
