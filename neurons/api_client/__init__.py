"""The HTTP client of the voice API."""
