"""What is wrong with the configuration, in lines: each variable with the rule that it breaks, and what was read."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError


def explain(error: ValidationError | OSError, *, env_file: str | None) -> str:
    """The lines for these faults. `env_file` is the file that was read beside the environment, None if none was."""
    if isinstance(error, OSError):
        return f"Postern cannot start: SNS_PINNED_CERTIFICATE: {error.strerror or 'cannot be read'}"
    faults = [f"  {_variable(fault)}{_rule(fault)}" for fault in error.errors(include_input=False, include_url=False)]
    return "\n".join(
        ["Postern cannot start: the configuration is not valid.", *faults, f"  {_what_was_read(env_file)}"]
    )


def _what_was_read(env_file: str | None) -> str:
    if env_file is None:
        return "(read from the environment alone)"
    path = Path(env_file).absolute()
    return f"(read from the environment and from {path}{'' if path.is_file() else ', which is not there'})"


def _variable(fault: Any) -> str:
    return f"{str(fault['loc'][0]).upper()}: " if fault["loc"] else ""


def _rule(fault: Any) -> str:
    if fault["type"] == "missing":
        return "is not set" + (" (make a key with `./postern secret`)" if fault["loc"][0] == "secret_keys" else "")
    return str(fault["msg"]).removeprefix("Value error, ")
