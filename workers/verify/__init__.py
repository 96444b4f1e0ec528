"""Do an evaluation again for its receipt: signature, audio, model."""
