"""The doctor of a node: checks that each look at one part of it, and say how it is, what that means and what to do."""
