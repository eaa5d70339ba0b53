"""A Whisper of a megabyte, trained by `train.py` on what `speech.py` says; `weights.npz` is the result."""
