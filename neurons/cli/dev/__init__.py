"""Commands of a developer: the development chain, its faults and rules, and the demo."""
