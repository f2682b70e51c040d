"""Postern: an outbound mail gateway with suppression built in."""
