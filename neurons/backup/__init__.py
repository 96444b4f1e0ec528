"""Backups of what a node cannot make again, in one file each: written, checked, put back, kept by number."""
