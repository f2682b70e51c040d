"""A stand-in for Amazon SES v2 and Amazon SNS on loopback, for the demo, the tests and the benchmarks.

It decides nothing for Postern and imports nothing of it: whoever uses it points boto3's endpoint at it and trusts the
certificate that it writes. It is no AWS: requests must carry a signature's shape, but nobody checks the signature.
"""

from simulator.options import LedgerSync, Options
from simulator.simulator import Simulator

__all__ = ["LedgerSync", "Options", "Simulator"]
