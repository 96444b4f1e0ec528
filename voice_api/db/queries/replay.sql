-- name: events
-- Every event, in the order in which it happened.
select kind, case kind when 'submission' then submission_id else evaluation_id end as id, from_state, to_state from events order by events.id;

-- name: states
-- Where everything stands.
select 'submission' as kind, id, state from submissions
union all
select 'evaluation', id, state from evaluations;
