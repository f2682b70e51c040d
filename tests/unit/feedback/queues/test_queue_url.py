"""The URLs of queues: which ones are queues of SQS, of which region, and that the settings take the same ones."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.aws.sqs.queue_url import parse_queue_url
from tests.support.gateway.gateways import settings_for

OF_AWS = "123456789012/postern-feedback"
TAKEN = {
    f"https://sqs.eu-west-1.amazonaws.com/{OF_AWS}": "eu-west-1",
    f"https://sqs.us-gov-west-1.amazonaws.com/{OF_AWS}": "us-gov-west-1",
    f"https://sqs.cn-north-1.amazonaws.com.cn/{OF_AWS}": "cn-north-1",
    f"https://sqs.eusc-de-east-1.amazonaws.eu/{OF_AWS}": "eusc-de-east-1",
    f"https://sqs-fips.us-east-2.amazonaws.com/{OF_AWS}": "us-east-2",
    f"https://sqs.ap-southeast-5.api.aws/{OF_AWS}": "ap-southeast-5",
    f"https://sqs-fips.us-west-2.api.aws/{OF_AWS}": "us-west-2",
    f"https://sqs.cn-northwest-1.api.amazonwebservices.com.cn/{OF_AWS}": "cn-northwest-1",
    f"https://sqs.eusc-de-east-1.api.amazonwebservices.eu/{OF_AWS}": "eusc-de-east-1",
    f"https://queue.amazonaws.com/{OF_AWS}": "us-east-1",
    f"https://eu-central-1.queue.amazonaws.com/{OF_AWS}": "eu-central-1",
    f"https://cn-north-1.queue.amazonaws.com.cn/{OF_AWS}": "cn-north-1",
    f"https://vpce-0a1b2c3d-x4y5.sqs.us-east-1.vpce.amazonaws.com/{OF_AWS}": "us-east-1",
    f"http://127.0.0.1:8026/{OF_AWS}": None,
    f"http://localhost:8026/{OF_AWS}": None,
    f"http://[::1]:8026/{OF_AWS}": None,
    f"https://sqs.eu-west-1.amazonaws.com/123456789012/{'q' * 80}": "eu-west-1",
}
REFUSED = [
    "",
    "postern-feedback",
    "arn:aws:sqs:eu-west-1:123456789012:postern-feedback",
    f"http://sqs.eu-west-1.amazonaws.com/{OF_AWS}",
    f"https://sqs.eu-west-1.amazonaws.com/{OF_AWS}.fifo",
    f"https://sqs.eu-west-1.amazonaws.com/{OF_AWS}/",
    f"https://sqs.eu-west-1.amazonaws.com/{OF_AWS}?x=1",
    f"https://sqs.eu-west-1.amazonaws.com.example.com/{OF_AWS}",
    f"https://sqs.eu-west-1.example.com/{OF_AWS}",
    f"https://user:password@sqs.eu-west-1.amazonaws.com/{OF_AWS}",
    f"https://sns.eu-west-1.amazonaws.com/{OF_AWS}",
    "https://sqs.eu-west-1.amazonaws.com/12345/postern",
    "https://sqs.eu-west-1.amazonaws.com/123456789012/",
    f"https://sqs.eu-west-1.amazonaws.com/123456789012/{'q' * 81}",
    "https://sqs.eu-west-1.amazonaws.com/123456789012/a b",
    f"http://10.0.0.1:8026/{OF_AWS}",
    f"http://127.0.0.1.example.com/{OF_AWS}",
    f"https://127.0.0.1:8026/{OF_AWS}",
    f"ftp://127.0.0.1/{OF_AWS}",
]


def settings(**more: Any) -> tuple[str, ...]:
    return settings_for("sqlite:///x.db", "redis://127.0.0.1:1/0", **more).sqs_queue_urls


@pytest.mark.parametrize("url, region", TAKEN.items())
def test_the_region_of_a_queue_is_that_of_its_url(url: str, region: str | None) -> None:
    """The hosts that SQS has, old and new, in each partition; a simulator's URL names no region."""
    found = parse_queue_url(url)
    assert (found.url, found.region, found.name) == (url, region, url.rpartition("/")[2])
    assert settings(sqs_queue_urls=url) == (url,)


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_queue_for_a_topic_of_ses_is_refused(url: str) -> None:
    """At the start and at the command line, and not by an error of SQS hours later."""
    with pytest.raises(ValueError, match=r"queue|FIFO"):
        parse_queue_url(url)
    if url:
        with pytest.raises(ValidationError, match="sqs_queue_urls"):
            settings(sqs_queue_urls=url)


def test_queues_are_few_and_named_once() -> None:
    """Each is polled by a thread of each worker process, and a queue that is named twice would be polled twice."""
    urls = [f"https://sqs.eu-west-1.amazonaws.com/123456789012/q{number}" for number in range(11)]
    assert settings(sqs_queue_urls=f"{urls[0]}, {urls[1]}") == (urls[0], urls[1])
    assert len(settings(sqs_queue_urls=",".join(urls[:10]))) == 10
    for wrong in (urls, [urls[0], urls[0]]):
        with pytest.raises(ValidationError, match="at most 10"):
            settings(sqs_queue_urls=",".join(wrong))
