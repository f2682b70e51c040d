"""Writes the table in `docs/settings.md` and the file `.env.example` from the model of the settings.

`python -m app.cli.shell.settings_docs` writes both. This module decides how they look; `config.py` decides which
settings there are. A test compares the two files with what this would write.
"""

from pathlib import Path

from app.cli.shell.settings import REQUIRED, variables

CHECKOUT = Path(__file__).resolve().parents[3]
SETTINGS_PAGE, ENV_EXAMPLE = CHECKOUT / "docs" / "settings.md", CHECKOUT / ".env.example"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"

_HEAD = """\
# Every setting of Postern with its default. Copy this file to `.env` and change what you need: a variable of the
# environment outranks its line here, and an empty one means the default. boto3 reads its own variables (credentials,
# AWS_ENDPOINT_URL_SESV2, AWS_ENDPOINT_URL_SNS) from the environment only, never from this file.
"""


def settings_table() -> str:
    """The table of the page: one row per setting, in the order of the model."""
    rows = [f"| `{name}` | {_cell(default)} | {meaning} |" for name, default, meaning in variables()]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows, ""])


def env_example() -> str:
    """The text of `.env.example`: one commented line per setting; the setting without a default is left open."""
    return "\n".join([_HEAD, *(_entry(*variable) for variable in variables())])


def page_with(table: str, page: str) -> str:
    """`page` with `table` between its two markers."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table + END + rest.partition(END)[2]


def main() -> None:
    """Write both files."""
    SETTINGS_PAGE.write_text(page_with(settings_table(), SETTINGS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    ENV_EXAMPLE.write_text(env_example(), encoding="utf-8")


def _entry(name: str, default: str, meaning: str) -> str:
    line = f"{name}=" if default == REQUIRED else f"#{name}={default}"
    return f"# {meaning}\n{line}\n"


def _cell(default: str) -> str:
    if default == REQUIRED:
        return "required"
    return f"`{default}`" if default else ""


if __name__ == "__main__":
    main()
