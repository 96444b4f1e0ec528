"""The scoring library: audio in, scores and weights out."""
