-- name: of_submission
-- Where and how a submission's evaluations failed unforeseen; what also met another submission is no submission's fault.
select v.host, v.code, v.cause
from events v
where v.submission_id = $1 and v.kind = 'evaluation' and v.cause is not null
  and not exists (
      select from events o where o.cause = v.cause and o.submission_id <> v.submission_id and o.code between 2000 and 2999
  )
group by v.host, v.code, v.cause;
