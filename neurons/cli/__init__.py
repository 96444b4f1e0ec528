"""The command line `voice`, one folder a user: the one place where processes are composed."""
