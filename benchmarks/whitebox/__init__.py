"""White-box attacks on the score: sound that is changed along the judges' own gradient, and what that gains."""
