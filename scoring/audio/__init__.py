"""Bytes become a clip: decode, resample, measure."""
