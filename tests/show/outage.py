"""Says what a rollout cost those who asked meanwhile: `outage.py TOKENS.JSON STEPS.TXT MOST`.

Steps are lines with the second of the clock in which each was printed. Fails if more than MOST requests failed, or one of them more than
5 s after a step.
"""

import json
import sys
from collections import Counter

CAUSES = {
    "ConnectionRefusedError": "nobody listened at the VIP",
    "ConnectionResetError": "an open connection was cut off",
    "RemoteDisconnected": "an open connection was cut off",
    "TimeoutError": "nobody answered",
    "OSError": "no way to the VIP",
    "500": "Keystone was without its database",
    "502": "the Keystone that was asked ended",
    "503": "no Keystone was known to answer",
    "504": "the Keystone that was asked was silent",
}
LATE = 5

with open(sys.argv[1], encoding="utf-8") as file:
    tokens = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    steps = [int(line.split(" ", 1)[0]) for line in file if line[:1].isdigit()]
failed = [(tokens["began"] + at, status) for at, status in tokens["failed"]]
# A step is told in whole seconds.
late = [at for at, _ in failed if not any(step <= at + 1 and at <= step + 1 + LATE for step in steps)]
causes = Counter(CAUSES.get(status, status) for _, status in failed)
print(json.dumps({
    "asked": tokens["asked"], "failed": len(failed), "causes": dict(sorted(causes.items())), "late": len(late),
    "slowest_s": tokens["slowest_s"], "when_s": [round(at - steps[0], 1) for at, _ in failed][:20] if steps else [],
}))
sys.exit(len(failed) > int(sys.argv[3]) or bool(late) or tokens["asked"] < 50)
