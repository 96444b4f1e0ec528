-- name: known
-- Whether any sound is known at all: where none is, nobody can say what is to be kept.
select exists (select from samples where pcm_sha256 <> '') as known;

-- name: reasons
-- Of these sounds those that are kept for good, each with the first reason that holds; $2 is how many of an evaluation's lowest stay.
with said as (
    select s.pcm_sha256, s.evaluation_id, s.position, s.gate, s.score, e.round, e.track, e.receipt_hash,
           m.hotkey || '@' || m.commit_block as entrant
    from unnest($1::text[]) as named (pcm_sha256)
    join samples s on s.pcm_sha256 = named.pcm_sha256 and s.pcm_sha256 <> ''
    join evaluations e on e.id = s.evaluation_id
    join submissions m on m.id = e.submission_id
), reasoned as (
    select pcm_sha256,
        case
            when exists (                            -- of the king before the round, or after it, by any ledger here
                select from ledger l
                where l.kings ->> said.track = said.entrant
                    and l.round <= said.round
                    and l.round >= coalesce(
                        (
                            select p.round from ledger p where p.validator = l.validator and p.round < said.round
                            order by p.round desc limit 1
                        ),
                        0
                    )
            ) then 1
            when exists (
                select from duel_rounds d
                where d.round = said.round and d.track = said.track and said.entrant in (d.challenger, d.king)
            ) then 2
            when exists (select from audits a where a.receipt_hash = said.receipt_hash and a.outcome <> 'holds') then 3
            when (
                select count(*) from samples o
                where o.evaluation_id = said.evaluation_id
                    and (o.gate is null, o.score, o.position) < (said.gate is null, said.score, said.position)
            ) < $2 then 4
        end as reason
    from said
)
select pcm_sha256, (array['king', 'duel', 'disputed', 'worst'])[min(reason)] as reason
from reasoned
where reason is not null
group by pcm_sha256;
