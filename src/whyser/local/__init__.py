"""A checkpoint on this disk that answers questions about sound, without a server.

`process` loads it and answers; it needs the extra `train`. `model` starts that process and talks to
it, and needs no torch, so that whoever asks has none of its libraries loaded.
"""
