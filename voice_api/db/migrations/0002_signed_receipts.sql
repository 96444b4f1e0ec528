-- Receipts are signed by a certified service key; a sample says its rate. What was judged before stays as it is, unsigned: it can be
-- read, and no validator counts it. Every verdict from here on has all three or none.
alter table evaluations
    add column signature    text,
    add column certificate  json,                    -- json, not jsonb: its text is what was signed
    add constraint receipts_are_signed
        check ((receipt is null) = (signature is null) and (receipt is null) = (certificate is null)) not valid;

alter table samples add column rate integer not null default 0 check (rate >= 0);  -- Hz; 0 without audio
