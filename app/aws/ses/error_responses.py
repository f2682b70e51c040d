"""What an error response of SES proves about an email: judged by its code, and by its words if the code is no proof.

SES reports trouble with an account under the codes of a malformed message, and each SDK spells codes in its own way. So
a code that may mean either is judged by its words. Unknown words never end an email. Quoted text is removed before
anything is read, since an application chooses it.
"""

import re
from collections.abc import Callable
from typing import Final

from botocore.exceptions import ClientError

from app.domain.sending.call_outcome import Ambiguous, Envelope, Outcome, Refused, Retry, Throttled, Tripped

LONGEST_REASON: Final = 300
_LONGEST_CODE: Final = 60

Judgement = Callable[[str, Envelope], Outcome]


def answered(error: ClientError, envelope: Envelope) -> Outcome:
    """What an error response proves. A 5xx proves nothing, whatever its code."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = code_of(error)
    text = str(error.response.get("Error", {}).get("Message") or "")
    if not 400 <= status < 500 or status in _SAY_NOTHING:
        return Ambiguous(f"SES answered {status} ({_plain(code)})")
    verdict = _by_code(code)
    if verdict is None:
        verdict = _by_words(text) or STATUSES.get(status) or _unknown(f"{status} {_plain(code)}")
    return verdict(text, envelope)


def code_of(error: ClientError) -> str:
    """The error code of a response."""
    return str(error.response.get("Error", {}).get("Code") or "Unknown")


def _by_code(code: str) -> Judgement | None:
    return _BY_STEM.get(_stem(code))


def _stem(code: str) -> str:
    """The code without what some SDKs append to it."""
    return code.removesuffix("Exception").removesuffix("Error")


def _by_words(text: str) -> Judgement | None:
    said = scrub(text)
    return next((verdict for pattern, verdict in WORDS if pattern.search(said)), None)


def _unknown(answer: str) -> Judgement:
    words = f"SES answered {answer}, which this version does not know"
    return lambda text, _: Retry(_reason(words, text), incident="ses_answer_unknown", subject=answer)


def _retry_slower(text: str, _: Envelope) -> Outcome:
    return Throttled(_reason("SES's sending rate was exceeded", text))


def _rate_or_quota(text: str, envelope: Envelope) -> Outcome:
    """AWS has one code for both, so the words decide: the daily quota comes back in hours, the rate in a second."""
    if re.search(r"daily|quota", text, re.IGNORECASE):
        return _quota(text, envelope)
    return _retry_slower(text, envelope)


def _quota_or_rate(text: str, envelope: Envelope) -> Outcome:
    if re.search(r"\brate\b", text, re.IGNORECASE) and not re.search(r"daily|quota", text, re.IGNORECASE):
        return _retry_slower(text, envelope)
    return _quota(text, envelope)


def _paused(scope: str, words: str) -> Judgement:
    return lambda text, _: Tripped(scope, _reason(words, text))


def _account(words: str) -> Judgement:
    return _paused("account", words)


def _sender(words: str) -> Judgement:
    return lambda text, envelope: Tripped(_sender_scope(envelope), _reason(words, text))


def _sender_scope(envelope: Envelope) -> str:
    return f"sender:{envelope.sender.rpartition('@')[2].strip(' <>').casefold()}"


def _unverified(text: str, envelope: Envelope) -> Outcome:
    """An unverified identity is usually the sender's, and then all email of that sender would fail.

    It is the recipient's when SES names only that: an account in the sandbox may send to verified recipients only. The
    account is the cause then too, but other recipients may be verified.
    """
    listed = {name.strip(" .<>'\"").rpartition("identity/")[2] for name in text.rpartition(": ")[2].split(",")}
    named = {name.casefold() for name in listed}
    addressed = {name.casefold() for name in _ADDRESS.findall(text)}
    recipient, sender = envelope.recipient.casefold(), envelope.sender.casefold()
    if recipient != sender and recipient in addressed and addressed == {recipient} and _no_domain(named - addressed):
        words = "The account is in the SES sandbox and the recipient is not verified"
        return Retry(words, incident="ses_sandbox", subject="account")
    return _sender_unverified(text, envelope)


def _sender_unverified(text: str, envelope: Envelope) -> Outcome:
    """The sender's domain is enough to find the identity; SES names the region that was asked."""
    scope, region = _sender_scope(envelope), _REGION.search(text)
    where = f"the region {region[1].lower()}" if region else "this region"
    return Tripped(scope, f"The sender's domain {scope.partition(':')[2]} is not verified in SES in {where}")


def _no_domain(named: set[str]) -> bool:
    """Whether none of these is a bare domain that SES named beside addresses."""
    return not any(_DOMAIN.fullmatch(name) for name in named)


def _not_allowed(text: str, envelope: Envelope) -> Outcome:
    """A policy may forbid one identity, or the configuration set, and allow the rest."""
    if re.search(r":identity/", text):
        return _sender("AWS does not allow this sender to these credentials")(text, envelope)
    if re.search(r":configuration-set/", text):
        return _configuration_set("AWS does not allow the configuration set to these credentials")(text, envelope)
    return _credentials(text, envelope)


def _credentials(text: str, envelope: Envelope) -> Outcome:
    """AWS accepts a signature for five minutes. Later it answers with the codes of a wrong key, so the words decide."""
    out_of_time = re.search(r"signature expired|signature not yet current", text, re.IGNORECASE)
    return (_wrong_clock if out_of_time else _refused_credentials)(text, envelope)


def _configuration_set(words: str) -> Judgement:
    return _paused("configuration_set", words)


def _refused(text: str, _: Envelope) -> Outcome:
    return Refused(_reason("SES refused the email", text))


_quota = _account("The account's sending quota is used up")
_refused_credentials = _account("AWS refused the credentials")
_wrong_clock = _account("AWS refused the signature, since the clock of this worker's host is wrong")
_suspended = _account("Sending is paused or suspended for the account")
_set_paused = _configuration_set("Sending is paused for the configuration set")
_set_missing = _configuration_set("The configuration set cannot be used")
_missing = _account("Something that the set-up names does not exist in SES")
_tenant = _account("The tenant that the email is sent for may not send")

_ADDRESS = re.compile(r"[^\s,;:<>()'\"`/]+@[A-Za-z0-9.-]*[A-Za-z0-9-]")
_REGION = re.compile(r"\bregion ([A-Za-z]{2,4}(?:-[A-Za-z]{2,12}){1,2}-[0-9]{1,2})\b")
_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]{2,}")


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Tried in this order, each only at the start of SES's text: later words may be an application's.
WORDS: Final[tuple[tuple[re.Pattern[str], Judgement], ...]] = (
    (_words(r"^.{0,80}signature (?:has )?expired|^.{0,80}signature not yet current|^.{0,80}\bskewed"), _wrong_clock),
    (_words(r"^.{0,40}\b(?:(?:security|session|access) token|credentials?|access key)\b"), _credentials),
    (_words(r"^.{0,80}\bnot (?:been )?authori[sz]ed|^access denied"), _not_allowed),
    (_words(r"^(?:email )?sending .{0,40}\bconfiguration set\b"), _set_paused),
    (_words(r"^configuration set\b.{0,120}\b(?:paus|disabl)"), _set_paused),
    (_words(r"^.{0,40}\bconfiguration[- ]?set\b"), _set_missing),
    (_words(r"^.{0,40}\btenant\b"), _tenant),
    (_words(r"^.{0,120}\b(?:(?:not|never)(?: been| yet)? verified|unverified|failed the check)\b"), _unverified),
    (_words(r"^.{0,60}\b(?:quota|sending limit)"), _quota),
    (_words(r"^.{0,40}\b(?:sending|send) rate\b|^rate exceeded|^too many requests"), _retry_slower),
    (
        _words(
            r"^(?:the |your |this )?(?:e-?mail )?(?:sending|account)\b.{0,60}"
            r"\b(?:paus|suspend|disabl|shut|terminat|not enabled)"
        ),
        _suspended,
    ),
    (
        _words(
            r"^(?:transaction failed|(?:message )?contains? (?:a )?virus|bad content|extra route-addr"
            r"|missing final|(?:illegal|invalid|malformed|missing|empty) (?:local |domain|recipient|e-?mail |address)"
            r"|(?:local|user|domain|e-?mail address|address|recipient)\b.{0,60}"
            r"\b(?:contain|start|end|too long|illegal|invalid|missing|black-?list|block-?list|suppression list|exceed)"
            r"|(?:illegal|unsupported|invalid) (?:file|attachment))"
        ),
        _refused,
    ),
)

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
# and the codes of version 1 of the API, under which SES and its SDKs still report some of them.
ERRORS: Final[dict[str, Judgement]] = {
    "TooManyRequestsException": _rate_or_quota,
    "ThrottlingException": _rate_or_quota,
    "LimitExceededException": _quota_or_rate,
    "SendingPausedException": lambda text, email: (_set_paused if _is_of_a_set(text) else _suspended)(text, email),
    "AccountSendingPausedException": _suspended,
    "AccountSuspendedException": _suspended,
    "ConfigurationSetSendingPausedException": _set_paused,
    "ConfigurationSetDoesNotExistException": _set_missing,
    "MailFromDomainNotVerifiedException": _sender("The sender's custom MAIL FROM domain is not verified in SES"),
    "FromEmailAddressNotVerifiedException": _sender_unverified,
    "NotFoundException": lambda text, envelope: (_by_words(text) or _missing)(text, envelope),
    "UnknownOperationException": _missing,
    "AccessDeniedException": _not_allowed,
    "NotAuthorized": _not_allowed,
    "UnauthorizedOperation": _not_allowed,
    "AuthFailure": _credentials,
    "ExpiredTokenException": _credentials,
    "IncompleteSignature": _credentials,
    "InvalidAccessKeyId": _credentials,
    "InvalidClientTokenId": _credentials,
    "InvalidSignatureException": _credentials,
    "InvalidToken": _credentials,
    "MissingAuthenticationToken": _credentials,
    "OptInRequired": _credentials,
    "RequestExpired": _wrong_clock,
    "RequestInTheFuture": _wrong_clock,
    "RequestTimeTooSkewed": _wrong_clock,
    "SignatureDoesNotMatch": _credentials,
    "SubscriptionRequiredException": _credentials,
    "TokenRefreshRequired": _credentials,
    "UnrecognizedClientException": _credentials,
}
_BY_STEM: Final = {_stem(code): verdict for code, verdict in ERRORS.items()}

# What the status proves if neither code nor words are known, as on an error page of a proxy or load balancer.
STATUSES: Final[dict[int, Judgement]] = {
    401: _credentials,
    403: _credentials,
    404: _missing,
    407: _paused("ses", "SES could not be reached: the proxy asks for credentials"),
    429: _rate_or_quota,
}

# The server that answers so waited in vain for a part of the request, or for its sender. It may have sent on the rest.
_SAY_NOTHING: Final = frozenset({408, 499})


def _is_of_a_set(text: str) -> bool:
    return re.search(r"configuration set", text, re.IGNORECASE) is not None


def _reason(words: str, text: str) -> str:
    said = scrub(text)
    return f"{words}: {said}"[:LONGEST_REASON] if said else words


def _plain(code: str) -> str:
    return scrub(code)[:_LONGEST_CODE]


_QUOTED = re.compile(r"""<[^>]*>|"[^"]*"|(?<!\w)'[^']*'(?!\w)|\S*@\S*""")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


def scrub(text: str) -> str:
    """The text without the addresses and header values that SES quotes in it."""
    return _UNPRINTABLE.sub(" ", _QUOTED.sub("[...]", text)).strip()
