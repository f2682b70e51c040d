"""Why a set-up cannot go on, in words that say what to do."""


class SetupStopped(Exception):
    """AWS refused a call, or could not be asked. What was made so far stays; the same command goes on from there.

    `action` is the IAM action that the credentials may not call, None for any other trouble.
    """

    def __init__(self, detail: str, *, action: str | None = None) -> None:
        super().__init__(detail)
        self.action = action
