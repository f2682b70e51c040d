"""The machinery of commands: arguments, terminal, data directory, and the gateway that a command works on."""
