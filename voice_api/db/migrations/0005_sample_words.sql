-- Why a model failed on a sample, in its guest's words, and the words that the judges heard: both stand in the receipt.
alter table samples
    add column reason text not null default '',
    add column heard text not null default '';
