"""The identity of a model: header, fingerprint, tag."""
