"""`voice init`: a few questions, what can be checked, and a file of settings."""
