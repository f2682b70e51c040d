"""DNS records, lines for `.env`, and IAM policies: the texts alone."""

from typing import Any

import dns.rdatatype
import dns.zone
import pytest

from app.domain.account.published import DnsSilent
from app.domain.account.setup.blueprint import blueprint
from app.domain.account.setup.dns_records import RecordType, Standing, records_of, standing
from app.domain.account.setup.env_lines import env_lines, merged
from app.domain.account.setup.permissions import policy_of_processes, policy_of_setup
from app.net.dns.records import Resolved
from tests.support.aws.setup.deployments import URL, deployment, every_way

TOKENS = ["aaa", "bbb", "ccc"]


def test_the_records_of_a_domain_are_a_zone_that_a_name_server_reads() -> None:
    """Three keys, mail exchanger and SPF of the MAIL FROM domain, and DMARC, each on a line of its own."""
    records = records_of("example.com", region="eu-west-1", tokens=TOKENS, mail_from="bounce.example.com")
    text = "$ORIGIN .\n@ 300 IN SOA a. b. 1 2 3 4 5\n@ 300 IN NS a.\n" + "\n".join(one.line for one in records)
    zone = dns.zone.from_text(text, origin=".", relativize=False)
    read = {(str(name), dns.rdatatype.to_text(data.rdtype), data.to_text()) for name, _, data in zone.iterate_rdatas()}
    for token in TOKENS:
        assert (f"{token}._domainkey.example.com.", "CNAME", f"{token}.dkim.amazonses.com.") in read
    assert ("bounce.example.com.", "MX", "10 feedback-smtp.eu-west-1.amazonses.com.") in read
    assert ("bounce.example.com.", "TXT", '"v=spf1 include:amazonses.com ~all"') in read
    assert ("_dmarc.example.com.", "TXT", '"v=DMARC1; p=none"') in read


def test_keys_are_where_ses_says_that_they_are() -> None:
    """Some regions keep DKIM keys in a zone of their own."""
    records = records_of(
        "example.com", region="eu-south-1", tokens=TOKENS, hosted_zone="dkim.eu-south-1.amazonses.com."
    )
    keys = [one.value for one in records if one.type is RecordType.CNAME]
    assert keys == [f"{token}.dkim.eu-south-1.amazonses.com" for token in TOKENS]


class Zone:
    """A DNS with these records, by name and type; with `silent` it answers nothing."""

    def __init__(self, *, silent: bool = False, **found: dict[str, tuple[str, ...]]) -> None:
        self.silent = silent
        self.found = found

    def _ask(self, kind: str, name: str) -> tuple[str, ...]:
        if self.silent:
            raise DnsSilent("Timeout")
        return self.found.get(kind, {}).get(name, ())

    def cname(self, name: str) -> tuple[str, ...]:
        return self._ask("cname", name)

    def mx(self, name: str) -> tuple[str, ...]:
        return self._ask("mx", name)

    def txt(self, name: str) -> tuple[str, ...]:
        return self._ask("txt", name)


KEY, BOUNCE, DMARC = "aaa._domainkey.mail.example.com", "bounce.mail.example.com", "_dmarc.mail.example.com"
EXCHANGER, SPF = "feedback-smtp.eu-west-1.amazonses.com", "v=spf1 include:amazonses.com ~all"


@pytest.mark.parametrize(
    "zone, published",
    [
        (Zone(), set()),
        (Zone(cname={KEY: ("aaa.dkim.amazonses.com",)}), {KEY}),
        (Zone(cname={KEY: ("aaa.dkim.eu-west-1.amazonses.com",)}), {KEY}),
        (Zone(cname={KEY: ("bbb.dkim.amazonses.com",)}), set()),
        (Zone(mx={BOUNCE: (EXCHANGER,)}), {f"MX {BOUNCE}"}),
        (Zone(mx={BOUNCE: (EXCHANGER, "mail.example.com")}), set()),
        (Zone(txt={BOUNCE: ("V=SPF1 a include:AmazonSES.com -all", "other")}), {f"TXT {BOUNCE}"}),
        (Zone(txt={BOUNCE: (SPF, SPF)}), set()),
        (Zone(txt={BOUNCE: ("v=spf1 -all",)}), set()),
        (Zone(txt={DMARC: ("v=DMARC1; p=reject",)}), {f"TXT {DMARC}"}),
        (Zone(txt={"_dmarc.example.com": ("v=DMARC1;p=quarantine",)}), {f"TXT {DMARC}"}),
        (Zone(txt={DMARC: ("v=DMARC1; p=none", "v=DMARC1; p=reject")}), set()),
    ],
    ids=(
        "none",
        "a key",
        "a key of a region",
        "another key",
        "the exchanger",
        "a second exchanger",
        "SPF",
        "SPF twice",
        "SPF without SES",
        "DMARC",
        "DMARC above",
        "DMARC twice",
    ),
)
def test_a_record_counts_as_published_when_receivers_take_it(zone: Zone, published: set[str]) -> None:
    """Other spellings serve, a second mail exchanger or policy spoils the first, and DMARC may be of a domain above."""
    records = records_of("mail.example.com", region="eu-west-1", tokens=["aaa"], mail_from=BOUNCE)
    found = {one for one in records if standing(one, zone) is Standing.PUBLISHED}
    assert {one.name if one.type is RecordType.CNAME else f"{one.type} {one.name}" for one in found} == published
    assert all(standing(one, zone) is Standing.MISSING for one in set(records) - found)


def test_what_no_dns_answers_is_neither_published_nor_missing() -> None:
    """A resolver that is away says nothing about a record, and a simulator's domains are in no DNS."""
    for record in records_of("example.com", region="eu-west-1", tokens=TOKENS, mail_from="bounce.example.com"):
        assert standing(record, Zone(silent=True)) is Standing.NOT_ASKED
        assert standing(record, None) is Standing.NOT_ASKED
        assert standing(record, Resolved(None)) is Standing.NOT_ASKED


def test_a_gateway_gets_a_line_for_each_way_back() -> None:
    """The public URL is for HTTPS, the queue's URL for SQS."""
    lines = env_lines(deployment(sqs=True), queue_url="https://sqs.eu-west-1.amazonaws.com/1/q")
    assert lines == {
        "AWS_REGION": "eu-west-1",
        "SES_CONFIGURATION_SET": "postern",
        "SNS_TOPIC_ARNS": "arn:aws:sns:eu-west-1:123456789012:postern-feedback",
        "PUBLIC_URL": URL,
        "SQS_QUEUE_URLS": "https://sqs.eu-west-1.amazonaws.com/1/q",
    }
    assert "PUBLIC_URL" not in env_lines(deployment(url="", sqs=True), queue_url="x")
    assert "SQS_QUEUE_URLS" not in env_lines(deployment(), queue_url="")


def test_a_file_of_settings_keeps_its_other_lines_and_names_each_setting_once() -> None:
    """A setting is replaced where it stands; a second one of the same name would count, so it goes."""
    text = "# ours\nSECRET_KEYS=s3cret\nexport AWS_REGION=us-east-1\nAWS_REGION=us-west-1\n\nLOG_LEVEL=INFO"
    lines = {"AWS_REGION": "eu-west-1", "PUBLIC_URL": URL}
    assert merged(text, lines) == (
        f"# ours\nSECRET_KEYS=s3cret\nAWS_REGION=eu-west-1\n\nLOG_LEVEL=INFO\nPUBLIC_URL={URL}\n"
    )
    assert merged(merged(text, lines), lines) == merged(text, lines)


def test_the_processes_may_do_nothing_beyond_their_own_resources() -> None:
    """Only questions about the account, for which AWS has no resource, name `*`; no action has a wildcard."""
    for wanted in every_way():
        for statement in _statements(policy_of_processes(wanted)):
            assert "*" not in "".join(statement["Action"])
            if statement["Sid"] != "AskAboutTheAccountAndItsList" and wanted.domains:
                assert not any(resource == "*" or resource.endswith("/*") for resource in statement["Resource"])
        actions = {action for one in _statements(policy_of_processes(wanted)) for action in one["Action"]}
        assert ("sns:ConfirmSubscription" in actions) is bool(wanted.url)
        assert ("sqs:ReceiveMessage" in actions) is wanted.sqs


def test_who_sets_up_may_touch_the_topic_and_the_queues_of_this_deployment_alone() -> None:
    """The ARNs in the policy are those of the blueprint."""
    wanted = deployment(sqs=True, archive=True)
    arns = {arn for one in _statements(policy_of_setup(wanted)) for arn in one["Resource"]} - {"*"}
    queues = {wanted.place.queue_arn(one.name) for one in blueprint(wanted) if one.kind == "queue"}
    assert arns == {wanted.topic_arn, f"{wanted.topic_arn}:*"} | queues


def _statements(policy: object) -> list[dict[str, Any]]:
    assert isinstance(policy, dict)
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements
