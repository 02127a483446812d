#!/usr/bin/env bash
# Look for known faults in what is installed, and for secrets in what is committed.
#
# Usage: deploy/scan.sh [secrets|packages]
#
# The tools live in an environment of their own, so that they need not agree with the project's
# versions. A secret that is none (a test's own password) is added to .secrets.baseline by
# `detect-secrets scan --baseline .secrets.baseline`, and reviewed like code.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.venv/scan
if [ ! -x "$tools/bin/pip-audit" ] || [ ! -x "$tools/bin/detect-secrets-hook" ]; then
  "${PYTHON:-python3}" -m venv "$tools"
  "$tools/bin/pip" install --quiet pip-audit==2.10.1 detect-secrets==1.5.0
fi

secrets() {
  git ls-files -z -- . ':!constraints.txt' ':!.secrets.baseline' ':!tests/workflows/histories' \
    | xargs -0 "$tools/bin/detect-secrets-hook" --baseline .secrets.baseline
  echo "No secret in what is committed."
}

packages() {
  "$tools/bin/pip-audit" --requirement constraints.txt --no-deps --disable-pip --progress-spinner off
}

case "${1:-all}" in
  secrets) secrets ;;
  packages) packages ;;
  all) secrets; packages ;;
  *) echo "usage: deploy/scan.sh [secrets|packages]" >&2; exit 2 ;;
esac
