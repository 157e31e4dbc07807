#!/usr/bin/env python3
"""Prints the codes of a `--json` answer, sorted, one line per report."""

import json
import sys

answer = json.load(sys.stdin)
print("\n".join(sorted(problem["code"] for problem in answer["problems"])))
