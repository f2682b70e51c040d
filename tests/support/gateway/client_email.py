"""The email that real clients are given to send, by whichever door they come."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Email:
    """What an application sends; with a `size`, of so many octets."""

    to: str
    sender: str = "invites@example.com"
    subject: str = "You are invited"
    size: int = 0

    @property
    def text(self) -> str:
        """The text, in lines that mail allows."""
        return ("x" * 898 + "\r\n") * (self.size // 900) if self.size else "Come and see.\r\n"

    @property
    def as_message(self) -> str:
        """The whole message."""
        return f"From: {self.sender}\r\nTo: {self.to}\r\nSubject: {self.subject}\r\n\r\n{self.text}"
