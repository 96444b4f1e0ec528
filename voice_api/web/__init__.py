"""The HTTP server: application, routes, pages, authentication."""
