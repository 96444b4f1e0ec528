"""Qwen3-TTS: a transformer says one code a frame, a small one the frame's other codes, and a pinned codec turns them into sound."""
