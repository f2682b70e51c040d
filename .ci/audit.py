"""Check every package in the lock files against the advisory service, for a bounded time.

A known vulnerability fails the run. An unreachable service does not, but it is reported explicitly, since an audit of
nothing looks like a clean one.
"""

import json
import subprocess
import sys

PATIENCE_S = 120


def main(locks: list[str]) -> int:
    """Print the findings; return 1 when a locked version has a known vulnerability."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += [f"--requirement={lock}" for lock in locks]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return not_audited(f"no answer within {PATIENCE_S} s")
    except ValueError:
        return not_audited((done.stderr.strip().splitlines() or ["no output"])[-1])
    asked = [package for package in packages if "vulns" in package]
    found = [(package, known) for package in asked for known in package["vulns"]]
    for package, known in found:
        mended = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {known['id']}, fixed in {mended}")
    if not asked:
        return not_audited(f"it knows none of the {len(packages)} packages")
    print(f"{len(asked)} of {len(packages)} packages audited, {len(found)} known vulnerabilities")
    return 1 if found else 0


def not_audited(why: str) -> int:
    """Print that no audit took place, and return 0."""
    print(f"NOT AUDITED: the advisory service could not be reached ({why})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
