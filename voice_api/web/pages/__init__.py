"""Pages for a browser, one file each; their templates and static files lie beside this package."""
