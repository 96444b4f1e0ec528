"""The documentation site: the pages of docs/, and reference that the code renders; `make docs` builds it."""
