-- Whether a near-copy's distance was measured on both models' files, or on their sketches.
alter table near_copies add column by_files boolean not null default false;

drop view near_copies_shown;
create view near_copies_shown as
select c.*, s.hotkey, s.commit_block, o.hotkey as original_hotkey, o.commit_block as original_commit_block, e.round, e.receipt_hash
from near_copies c
join submissions s on s.id = c.submission_id
join submissions o on o.id = c.original_id
join evaluations e on e.id = c.evaluation_id;
