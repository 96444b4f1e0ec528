"""The voice API: HTTP in front of PostgreSQL, and the dispatcher that wakes workers."""
