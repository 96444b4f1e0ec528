-- Why the chain refused weights, by who can end that, and the epoch in which it opens sealed ones or never.
alter table weight_attempts
    add column refusal  text check (refusal in ('passing', 'permanent', 'ours')),
    add column opens_in bigint,
    add constraint refused_by_the_chain check (refusal is null or outcome = 'failed');
