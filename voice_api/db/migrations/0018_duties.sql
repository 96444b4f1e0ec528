-- The work that each worker takes: evaluations and miners' recordings, sentences that people ask to hear, or both by turns.
alter table workers add column duty text not null default 'all' check (duty in ('all', 'judging', 'speech'));
