"""Files of evidence by name, in a folder or in S3-compatible storage: whole or absent, and never changed once they are there."""
