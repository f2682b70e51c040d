"""The mailboxes of header fields as mail programs write them: groups, comments and encoded-words."""

from contextlib import suppress
from email.utils import getaddresses
from inspect import signature
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.message.address import InvalidAddress
from app.domain.message.raw.addresses import header_mailboxes
from tests.support.house.cpu import least_cpu_s

ANN, LEE = "ann@example.com", "lee@example.net"
# From Python 3.13 on it refuses what puzzles it, such as a quoted name with half a bracket, unless it is asked not to.
LENIENT: dict[str, Any] = {"strict": False} if "strict" in signature(getaddresses).parameters else {}
BARE = [ANN, LEE, "o'brien+tag@mail.example.org"]
NAMES = ["Ann Lee", '"Lee, Ann"', '"T: x@y.example;"', "=?utf-8?q?J=C3=BCrgen?=", '"a \\" b"', "Ann (Sales)"]
COMMENTS = ["(Ann)", "(Lee, Ann)", "()", "(=?utf-8?q?x=40y=2Eexample?=)", "(work)"]
NOISE = ["(", ")", '"', "\\", ",", "<", ">", " ", "x", "(x@y.example)", "y@x.example", "T:", ""]

mailboxes = st.one_of(
    st.sampled_from(BARE),
    st.builds("{} <{}>".format, st.sampled_from(NAMES), st.sampled_from(BARE)),
    st.builds("{} {}".format, st.sampled_from(BARE), st.sampled_from(COMMENTS)),
    st.builds("{} <{}> {}".format, st.sampled_from(NAMES), st.sampled_from(BARE), st.sampled_from(COMMENTS)),
)
lists = st.lists(mailboxes, max_size=3).map(", ".join)
groups = st.builds("{}:{};".format, st.sampled_from(["Team", '"A, B"', "undisclosed-recipients"]), lists)
fields = st.lists(mailboxes | groups, min_size=1, max_size=3).map(", ".join)


@pytest.mark.parametrize(
    "value, found",
    [
        (f"Team: {ANN}, {LEE};", [(None, ANN), (None, LEE)]),
        (f"Team:Ann <{ANN}>;, {LEE}", [("Ann", ANN), (None, LEE)]),
        (f'{LEE}, "Team, 1": {ANN};', [(None, LEE), (None, ANN)]),
        (f"A:;, B: ;, {ANN}", [(None, ANN)]),
        ("undisclosed-recipients:;", []),
        ("Undisclosed recipients: ;", []),
        ("", []),
        (f"{ANN} (Ann Lee)", [("Ann Lee", ANN)]),
        (f"{ANN}(Lee, Ann), {LEE}", [("Lee, Ann", ANN), (None, LEE)]),
        (f"{ANN} (=?utf-8?q?J=C3=BCrgen?=)", [("Jürgen", ANN)]),
        (f"{ANN} ()", [(None, ANN)]),
        (f"Ann <{ANN}> (work), {LEE} (Lee)", [("Ann", ANN), ("Lee", LEE)]),
        (f"Team: {ANN} (Ann), {LEE};", [("Ann", ANN), (None, LEE)]),
        (f"(Cron Daemon) <{ANN}>", [("(Cron Daemon)", ANN)]),
        (f'"x, T: {ANN};, y" <{LEE}>', [(f"x, T: {ANN};, y", LEE)]),
        (f"{ANN}; {LEE}", [(None, ANN), (None, LEE)]),
        (f"=?ks_c_5601-1987?B?xKG1?= <{ANN}>", [(None, ANN)]),
    ],
)
def test_what_mail_programs_write_is_taken(value: str, found: list[tuple[str | None, str]]) -> None:
    """The members of groups are mailboxes like others, and the comment behind a bare address is its name."""
    assert [(one.name, one.address.email) for one in header_mailboxes(value)] == found


@pytest.mark.parametrize(
    "value",
    [
        f"A: B: {ANN};;",
        f"A: {ANN}; {LEE}",
        f"A: {ANN};;",
        f"A: {ANN}",
        f"; {ANN}:",
        f": {ANN};",
        f"{ANN}: {LEE};",
        f"A (: {ANN};",
        f"{ANN} ({LEE})",
        f"{ANN} (<{LEE}>)",
        f'{ANN} ("), {LEE} (")',
        f"{ANN} ((Ann))",
        f"{ANN} (a\\)",
        f"{ANN} (A: b;)",
        f"Ann {ANN} (Lee)",
        f"ann (Lee) @example.com, {LEE}",
        f"<{ANN}> (a) (b)",
        f"=?utf-8?q?a=E2=80=AEb?= <{ANN}>",
        f"=?utf-8?q?=E2=80=8B?= <{ANN}>",
        f"=?utf-8?q?<{LEE}>?= <{ANN}>",
        f'=?utf-8?q?"?= <{ANN}>, =?utf-8?q?"?= <{LEE}>',
        f"{ANN} (=?utf-8?q?(?=), {LEE}",
        f"=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?= <{ANN}>",
    ],
)
def test_what_readers_could_take_for_other_addresses_is_refused(value: str) -> None:
    """Groups and comments in which an address could hide, and names that read differently."""
    with pytest.raises(InvalidAddress):
        header_mailboxes(value)


def test_no_group_stands_where_none_may() -> None:
    """In From and the other fields of senders."""
    with pytest.raises(InvalidAddress):
        header_mailboxes(f"Team: {ANN};", groups=False)
    assert header_mailboxes(f"{ANN} (Ann)", groups=False)[0].name == "Ann"


@given(fields, st.sampled_from(NOISE), st.integers(0, 60))
@example(f"Team: {ANN}, {LEE};", "", 0)
@example(f'{ANN}, "Lee, Ann" <{ANN}> (Lee, Ann)', "(", 18)
def test_what_is_taken_has_the_mailboxes_that_another_reader_finds(value: str, noise: str, at: int) -> None:
    """CPython's reader sees the same addresses, also in fields that are broken somewhere."""
    value = f"{value[:at]}{noise}{value[at:]}".strip()
    try:
        found = [one.address.email for one in header_mailboxes(value)]
    except InvalidAddress:
        return
    assert [address for _, address in getaddresses([value], **LENIENT) if "@" in address] == found


@pytest.mark.parametrize("pump", ['\\"<%', "a@b.example (", "T:", '"', "(", "<", " ", "@ ", "T:a@b.example;,"])
def test_a_long_field_is_read_in_little_time(pump: str) -> None:
    """Whatever it repeats: a reader that goes back at each sign would hold up the whole process."""
    long = pump * (24_000 // len(pump))

    def read() -> None:
        for value in (long, f'"{long}\\a" <{ANN}>'):
            with suppress(InvalidAddress):
                header_mailboxes(value)

    assert least_cpu_s(read) < 0.5
