"""Claim, last look, call, record; unknown outcomes, crash recovery, and the send rate."""
