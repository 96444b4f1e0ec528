"""The competition's file that comes with the package: whoever only names it needs none of what reads it."""

from pathlib import Path

DEFAULT_PATH = Path(__file__).with_name("competition.toml")
