"""The Celery side of Postern: it answers bells, and does nothing that `app.services` does not do."""
