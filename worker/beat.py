"""The Celery app of beat, from the environment's settings: the schedule, and nothing that a sweep needs.

`celery -A worker.beat beat` finds it here. It imports a fraction of what a worker does, and takes half the memory.
"""

import gc

gc.disable()  # imports leave no garbage, and looking for it takes a fifth of the start

from app.queue import make_celery
from worker.schedule import keep_time
from worker.startup import log_as_postern, usable_settings

settings = usable_settings()
app = make_celery(settings.broker_url)
keep_time(app)
log_as_postern(settings)

gc.freeze()
gc.enable()
