"""Model families: a text becomes sound. A folder a family; to add one, copy a folder."""
