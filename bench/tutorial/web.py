"""Its Flask app: one route. `gunicorn bench.tutorial.web:app`."""

from flask import Flask, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bench.tutorial.models import Mail, make_session
from bench.tutorial.worker import send

app = Flask(__name__)


@app.get("/")
def alive() -> str:
    """It is."""
    return "ok"


@app.post("/v1/emails")
def submit() -> Response:
    """Take a mail in, and queue its task."""
    body = request.get_json()
    key = request.headers.get("Idempotency-Key")
    with make_session() as session:
        if (known := _known(session, key)) is not None:
            return jsonify(id=known.id)
        mail = Mail(
            app="bench",
            idempotency_key=key,
            sender=body["from"],
            recipient=body["to"],
            subject=body["subject"],
            text=body["text"],
        )
        session.add(mail)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            known = _known(session, key)
            return jsonify(id=known.id if known else None)
        mail_id = mail.id
    send.delay(mail_id)
    return jsonify(id=mail_id)


def _known(session: Session, key: str | None) -> Mail | None:
    if key is None:
        return None
    return session.scalar(select(Mail).where(Mail.app == "bench", Mail.idempotency_key == key))
