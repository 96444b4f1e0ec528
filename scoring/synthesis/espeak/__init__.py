"""Formant voices of espeak-ng, whose settings are the model: for the demo and the tests."""
