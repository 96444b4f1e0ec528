"""The identity of a model (header, fingerprint, tag), and the reader of pickled ones."""
