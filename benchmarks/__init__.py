"""Benchmarks and studies: ratios against a named baseline in the same run."""
