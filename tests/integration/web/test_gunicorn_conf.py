"""gunicorn's parent process, with the configuration that it reads in the checkout."""

import subprocess
import sys

from tests.support.servers.cli import CHECKOUT, surroundings

PARENT = """
import runpy, sys
from types import SimpleNamespace

conf = runpy.run_path("gunicorn.conf.py")
conf["on_starting"](SimpleNamespace(cfg=SimpleNamespace(worker_class_str=conf["worker_class"])))
print("app.web.submission.emails" in sys.modules, "wsgi" in sys.modules)
"""


def test_the_parent_imports_the_code_for_all_workers_and_none_of_the_settings() -> None:
    """A worker imports for more than a second; one that is forked from such a parent serves after a tenth of that.

    The parent has no settings here, and makes no application.
    """
    ended = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=CHECKOUT, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["True", "False"], ended.stderr
