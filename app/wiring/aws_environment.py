"""What the environment and the files of AWS say, as far as boto3 can use it."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError

from config import SettingsError


@contextmanager
def aws_environment() -> Iterator[None]:
    """Raise `SettingsError` if clients cannot be made here: an unknown profile, half a key, an endpoint that is no URL.

    boto3 reads these variables and files itself. botocore raises a bare `ValueError` for an endpoint.
    """
    try:
        yield
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"AWS cannot be called: {error}. Correct the variable or the file.") from error
