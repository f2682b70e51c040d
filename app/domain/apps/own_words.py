"""The words of its own that an application gives an email to find it by: tags, an actor, a reference."""

import re
from typing import Final

TAG_LIMIT: Final = 75
"""The most tags of an email, as at Resend. They stay here: SES gets none of them."""

TAG_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""The name of a tag; its value is one too, or empty."""

ACTOR_LIMIT: Final = 320
"""As long as an address may be: an actor is an id or an address."""

KEY_LIMIT: Final = 256
"""For a word of the application's own: what an email is about, or which emails it supersedes."""
