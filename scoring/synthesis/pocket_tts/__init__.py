"""Pocket TTS: a small transformer that says one audio latent after the other, in the voice of a pinned recording."""
