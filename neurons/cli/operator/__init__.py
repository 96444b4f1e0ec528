"""Commands of an operator: orders such as quarantine, requeue and ban, and views of stuck evaluations and workers."""
