"""The edge: what a connection may cost before, and while, the application answers: places, deadlines, open files."""
