"""CSM: a large transformer says one code a frame, a small one the frame's other codes, and the model's own codec turns them into sound."""
