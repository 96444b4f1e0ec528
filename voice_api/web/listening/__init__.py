"""What is derived from a stored clip for ears and eyes: a small copy, pictures, its loudness; none of it is ever hashed or judged."""
