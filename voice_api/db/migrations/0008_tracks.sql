-- The family that a repository names decides its track; both are known once a worker has read the repository.
alter table submissions add column family text;
alter table evaluations add column track text;

-- A view keeps the columns that its tables had when it was made.
drop view submissions_with_score;
create view submissions_with_score as
select s.*, last.score, last.stderr, last.round as scored_round
from submissions s
left join lateral (
    select e.score, e.stderr, e.round from evaluations e
    where e.submission_id = s.id and e.state in ('scored', 'rejected')
    order by e.round desc
    limit 1
) last on true;
