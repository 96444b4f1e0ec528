"""Model families: a text becomes sound."""
