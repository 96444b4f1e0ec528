-- Sealed weights that nobody saw waiting were taken all the same: which round of the beacon was to open them is not known.
alter table weight_attempts
    drop constraint sealed_waits,
    add constraint sealed_waits check (outcome not in ('pending', 'applied', 'expired') or mechanism = 'sealed'),
    add constraint sealed_until check (outcome not in ('pending', 'applied') or reveal_round is not null);
