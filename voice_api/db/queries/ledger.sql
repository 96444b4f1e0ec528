-- name: lock
-- One writer of a validator's ledger at a time; readers go on. No lock of the table: that needs the right to change what is in it.
select pg_advisory_xact_lock(hashtextextended('voice:ledger:' || $1, 0));

-- name: head
-- A ledger's last entry.
select round, state_hash, previous, state, inputs from ledger where validator = $1 order by round desc limit 1;

-- name: head_text
-- A ledger's last entry, its JSON as text.
select round, state_hash, previous, state::text as state, inputs::text as inputs from ledger
where validator = $1
order by round desc
limit 1;

-- name: get
-- One entry of a ledger.
select round, state_hash, previous, state, inputs from ledger where validator = $1 and round = $2;

-- name: page
-- A ledger's entries after a round, oldest first.
select round, state_hash, previous, state, inputs from ledger
where validator = $1 and round > $2
order by round
limit $3;

-- name: outline
-- A ledger's entries after a round, oldest first, without their states, which grow with the field.
select validator, round, state_hash, previous, inputs, kings from ledger
where validator = $1 and round > $2
order by round
limit $3;

-- name: last_judged
-- A ledger's last entry that any receipt reached, whether it counts or not, without its state.
-- Receipts are looked for in the text: PostgreSQL's operators refuse a whole document for one NUL (\u0000) in any of its texts.
select validator, round, state_hash, previous, inputs, kings from ledger
where validator = $1
    and inputs::text ~ '"(counted|distrusted)"\s*:\s*\{\s*"'
order by round desc
limit 1;

-- name: uncounted
-- The number of a ledger's last rounds in a row in which no receipt counts; they are looked for in the text, as above.
select count(*) from ledger
where validator = $1
    and round > coalesce(
        (
            select round from ledger
            where validator = $1 and inputs::text ~ '"counted"\s*:\s*\{\s*"'
            order by round desc
            limit 1
        ),
        -1
    );

-- name: kings
-- The rounds of a ledger from one on, each with the submissions that held the tops after it, by track.
select round, kings from ledger where validator = $1 and round >= $2 order by round;

-- name: reset
-- Take the entries of a ledger from a round on back.
delete from ledger where validator = $1 and round >= $2 returning round;

-- name: validators
-- Who keeps a ledger here.
select distinct validator from ledger order by validator;

-- name: waiting
-- Rounds after a ledger's head, oldest first.
select * from rounds_with_pending
where round > coalesce((select max(round) from ledger where validator = $1), -1)
order by round
limit $2;

-- name: append
-- Append to a ledger.
insert into ledger (validator, round, state_hash, previous, state, inputs, kings) values ($1, $2, $3, $4, $5, $6, $7);
