-- name: version
-- What the ranks of a validator's ledger are computed from, without what is in it: its head's round and hash, the registry's block.
select head.round, head.state_hash, registry.block
from (values ($1)) as asked (validator)
left join lateral (select round, state_hash from ledger l where l.validator = asked.validator order by round desc limit 1) head on true
left join registry on true;

-- name: named
-- Submissions by hotkeys and commit blocks, one array each, with how often each was scored, and its last $3 scores, newest first.
select s.*, n.uid, past.*
from unnest($1::text[], $2::bigint[]) as named (hotkey, commit_block)
join submissions_with_score s using (hotkey, commit_block)
cross join lateral (
    select count(*)::integer as scored_rounds,
           (array_agg(id order by round desc))[:$3] as evaluations, (array_agg(round order by round desc))[:$3] as rounds,
           (array_agg(score order by round desc))[:$3] as scores, (array_agg(stderr order by round desc))[:$3] as stderrs
    from evaluations e
    where e.submission_id = s.id and e.state = 'scored'
) past
left join neurons n using (hotkey);

-- name: searched
-- Which of these submissions name a repository that holds this text.
select s.hotkey, s.commit_block
from unnest($1::text[], $2::bigint[]) as named (hotkey, commit_block)
join submissions s using (hotkey, commit_block)
where position(lower($3) in lower(s.repo)) > 0;

-- name: rest
-- Submissions but those of $1 and $2 (hotkeys and commit blocks), by their states and then by commit; superseded ones are left out.
-- After the one of $3 and $4, if named; of the track $5 and with $6 in a hotkey, a repository or as uid, if asked. Their scores as above, $8.
with left_out as (
    select s.id from unnest($1::text[], $2::bigint[]) as named (hotkey, commit_block) join submissions s using (hotkey, commit_block)
), part as (
    select state, number
    from unnest(array['scored', 'queued', 'copy', 'rejected', 'quarantined']) with ordinality as parts (state, number)
), last as (
    select part.number, s.commit_block, s.tiebreak, s.id from submissions s join part using (state) where s.hotkey = $3 and s.commit_block = $4
), listed as (
    select s.*, part.number
    from part
    cross join lateral (
        select id, commit_block, tiebreak
        from submissions s
        where s.state = part.state
            and ($3::text is null or exists (
                select from last
                where part.number > last.number
                    or part.number = last.number and (s.commit_block, s.tiebreak, s.id) > (last.commit_block, last.tiebreak, last.id)
            ))
            and s.id not in (select id from left_out)
            and ($5::text is null or exists (select from evaluations e where e.submission_id = s.id and e.track = $5))
            and (
                $6::text = '' or position(lower($6) in lower(s.hotkey)) > 0 or position(lower($6) in lower(s.repo)) > 0
                or exists (select from neurons n where n.hotkey = s.hotkey and n.uid::text = $6)
            )
        order by commit_block, tiebreak, id
        limit $7
    ) s
    order by part.number, s.commit_block, s.tiebreak, s.id
    limit $7
)
select s.*, n.uid, past.*
from listed
join submissions_with_score s using (id)
cross join lateral (
    select count(*)::integer as scored_rounds,
           (array_agg(id order by round desc))[:$8] as evaluations, (array_agg(round order by round desc))[:$8] as rounds,
           (array_agg(score order by round desc))[:$8] as scores, (array_agg(stderr order by round desc))[:$8] as stderrs
    from evaluations e
    where e.submission_id = s.id and e.state = 'scored'
) past
left join neurons n on n.hotkey = s.hotkey
order by listed.number, listed.commit_block, listed.tiebreak, listed.id;
