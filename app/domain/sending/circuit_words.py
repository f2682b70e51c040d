"""What a circuit holds back, and what a person does about it, in words.

The scopes of circuits are those of `app.store.sending.circuits`.
"""

from typing import Final

_REMEDIES: Final = {
    "ses": "Postern tries again every ten seconds, and sends what waits once SES answers. If it lasts, look at the "
    "network of the workers, and at AWS's status page.",
    "account": "Read in the SES console of AWS why the account may not send, and mend that. Postern tries again within "
    "five minutes.",
    "configuration_set": "Mend the configuration set at AWS. Postern tries again within five minutes.",
    "keys": "Put the missing key back into SECRET_KEYS of the workers, and restart them.",
    "sender": "Verify the sender at SES, or mend what the reason names. Postern tries again within five minutes.",
    "stream": "Set PUBLIC_URL to the public address of this gateway, and restart the workers.",
    "lane": "Resume the lane once the reason for the pause is over.",
    "app": "Mend what the reason names, then resume the application.",
    "recovery": "Run `./postern recovery status` on the server: it says when sending may go on.",
}


def what_waits(scope: str) -> str:
    """What the circuit is about, as a part of a sentence: `email from example.com`."""
    kind, _, name = scope.partition(":")
    return {
        "lane": f"the lane {name} is paused",
        "app": f"the lane {name.rpartition('/')[2]} of {name.partition('/')[0]} is paused",
        "sender": f"email from {name}",
        "stream": f"email of the stream {name}",
        "recovery": "the database is being recovered",
    }.get(kind, "every email")


def what_to_do(scope: str) -> str:
    """What to do so that the email goes on."""
    return _REMEDIES.get(scope.partition(":")[0], "Mend what the reason names.")
