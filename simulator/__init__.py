"""A stand-in for Amazon SES v2, SNS, SQS and STS on loopback, for the demo, the tests and the benchmarks.

It imports nothing of Postern. To use it, point boto3's endpoint at it and trust the certificate that it writes. Unlike
AWS, it requires only that a request has the shape of a signed one; it does not check the signature.
"""

from simulator.options import LedgerSync, Options
from simulator.simulator import Simulator

__all__ = ["LedgerSync", "Options", "Simulator"]
