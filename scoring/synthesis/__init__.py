"""Model families: what turns a text into sound."""
