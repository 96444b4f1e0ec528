"""The embedded recogniser: pocketsphinx with a language model of the round."""
