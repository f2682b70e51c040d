"""Pure rules of Postern. No I/O, no clock, no framework: every function here is its arguments and its answer."""
