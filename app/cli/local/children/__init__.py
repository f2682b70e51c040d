"""The child processes of a local gateway: how each is started, watched and ended."""
