"""What the sound says, measured: the evidence that a rationale is held against."""
