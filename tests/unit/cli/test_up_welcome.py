"""What `postern up` prints once it runs: commands that work on this very gateway when they are pasted."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.cli.local.bootstrap import Ready
from app.cli.local.up import welcome
from app.cli.shell.data_dir import DataDir
from app.cli.shell.terminal import Terminal
from app.domain.apps.doors import SesAccess, SmtpAccess

SES = SesAccess(endpoint_url="http://127.0.0.1:1", region="r", access_key_id="ptn_k", secret_access_key="s")
SMTP = SmtpAccess(host="127.0.0.1", port=1, tls_port=None, username="ptn_k", password="s")


@pytest.mark.parametrize("as_default", [True, False])
def test_the_printed_command_names_the_gateway_where_a_plain_one_would_miss_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_default: bool
) -> None:
    """With files in another directory, or a gateway configured here, a plain command would work on another one."""
    values: dict[str, Any] = {field.name: f"the-{field.name}" for field in fields(Ready)}
    values |= {"ses": SES, "smtp": SMTP}
    welcome(Terminal(as_json=False), Ready(**values), DataDir(tmp_path), as_default=as_default)
    page = "".join(capsys.readouterr().out.split())
    assert f"swaks--server{SMTP.host}:{SMTP.port}--authPLAIN--auth-user{SMTP.username}" in page
    assert "suppressionsexplainkim.gone@example.com" in page
    assert (f"explainkim.gone@example.com--data{tmp_path}" in page) is not as_default
