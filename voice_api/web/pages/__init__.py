"""Pages for a browser, and templates of the rendered docs."""
