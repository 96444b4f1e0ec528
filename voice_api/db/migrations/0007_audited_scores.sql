-- By how much an audited score was claimed above what was found, and how much of that is forgiven: drift shows only in many of them.
alter table audits
    add column deviation integer,
    add column tolerance integer check (tolerance > 0),
    add constraint deviations_have_a_tolerance check ((deviation is null) = (tolerance is null));
