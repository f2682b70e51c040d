"""`/`: where a person who opens the gateway in a browser finds everything else."""

from flask import Response

from app.web.http.auth import PUBLIC
from app.web.http.routing import Operation, Routes

home = Routes("home", __name__)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Postern</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem; color: #1a1a1a; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e8e8e8; } a { color: #8ab4f8; } }
dt { font-weight: 600; } dd { margin: 0 0 .8rem; }
</style>
</head>
<body>
<main>
<h1>Postern</h1>
<p>An outbound mail gateway with suppression built in. Applications submit email to its API with a key of theirs.</p>
<dl>
<dt><a href="/docs">/docs</a></dt><dd>the API, to read and to try</dd>
<dt><a href="/openapi.json">/openapi.json</a></dt><dd>the same for programs</dd>
<dt><a href="/readyz">/readyz</a></dt><dd>whether everything works, part by part</dd>
<dt><a href="/healthz">/healthz</a></dt><dd>whether this process answers</dd>
<dt>/metrics</dt><dd>figures for Prometheus, with a key that has the scope metrics:read</dd>
</dl>
</main>
</body>
</html>
"""


@home.operation(
    "GET", "/", Operation(guard=PUBLIC, summary="Show where everything else is, as a page.", media="text/html")
)
def get_home() -> Response:
    """Answer with the page. It names no application, no address and no version."""
    page = Response(_PAGE, mimetype="text/html")
    page.headers["Content-Security-Policy"] = _POLICY
    return page
