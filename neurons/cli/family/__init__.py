"""The commands of who writes a competition's rules: `voice family`."""
