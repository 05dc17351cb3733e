"""Ask for known vulnerabilities of the versions in constraints.txt: ``make audit``."""

import json
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).parents[1] / "constraints.txt"


def main() -> int:
    """Return 0 if there are none, 1 if there are some, 2 if the database cannot be reached."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-r", str(PINNED)]
    asked = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off", "--timeout", "20"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"The database of known vulnerabilities cannot be reached, so nothing was checked: {reason}")
        return 2
    found = [(package, each) for package in packages for each in package.get("vulns", ())]
    for package, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    print(f"{len(packages)} packages, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
