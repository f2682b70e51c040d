"""A whole gateway on one machine: `up`, `demo`, the test commands, and the processes below them."""
