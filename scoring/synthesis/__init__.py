"""Model families: a text becomes sound. A folder a family; docs/howto/family.md says how one is added."""
