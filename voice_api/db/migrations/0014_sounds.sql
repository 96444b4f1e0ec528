-- Whoever clears old sounds away asks of each by its hash who said it.
create index samples_by_sound on samples (pcm_sha256) where pcm_sha256 <> '';
