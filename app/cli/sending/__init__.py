"""Commands of sending: pause and resume a lane, and decide on unknown outcomes."""
