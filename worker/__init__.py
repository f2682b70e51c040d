"""The Celery side of Postern: it answers bells by calling `app.services`, and has no rules of its own."""
