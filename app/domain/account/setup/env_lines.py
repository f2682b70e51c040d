"""The lines for `.env` that make a gateway use a deployment. It does no I/O."""

from app.domain.account.setup.blueprint import Deployment


def env_lines(wanted: Deployment, *, queue_url: str) -> dict[str, str]:
    """Each variable and its value. `queue_url` is that of the intake queue, empty without one."""
    lines = {
        "AWS_REGION": wanted.place.region,
        "SES_CONFIGURATION_SET": wanted.configuration_set,
        "SNS_TOPIC_ARNS": wanted.topic_arn,
    }
    if wanted.url:
        lines["PUBLIC_URL"] = wanted.url
    if queue_url:
        lines["SQS_QUEUE_URLS"] = queue_url
    return lines


def merged(text: str, lines: dict[str, str]) -> str:
    """The text of a `.env` file with these variables set: each once, in its old place, the new ones at the end."""
    kept, written = [], set[str]()
    for line in text.splitlines():
        name = line.partition("=")[0].removeprefix("export ").strip()
        if name not in lines:
            kept.append(line)
        elif name not in written:
            written.add(name)
            kept.append(f"{name}={lines[name]}")
    added = (f"{name}={value}" for name, value in lines.items() if name not in written)
    return "\n".join([*kept, *added]) + "\n"
