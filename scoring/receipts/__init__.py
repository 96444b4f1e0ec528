"""The signed record of an evaluation, and the certificate behind its signature."""
