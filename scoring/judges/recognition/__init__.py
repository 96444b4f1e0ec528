"""Recognition: a recogniser of any word, and which of the heard words are the asked ones."""
