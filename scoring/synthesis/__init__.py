"""Model families: a text becomes sound. A folder a family; CONTRIBUTING.md says how one is added."""
