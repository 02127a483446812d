#!/usr/bin/env bash
# Render a short game, put it into the drive, and analyse it by Dagster's own command line:
# materialise-sample.sh BIN, where BIN holds python, jarvis and dagster. Needs DAGSTER_HOME, and
# the object store running.
set -euo pipefail
bin=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

from jarvis_dagster.hockey.synthetic import write_sample

write_sample(Path(sys.argv[1]), seconds=4.0, seed=7)
PY
# A partition must exist before anything is materialised for it.
partition=$("$bin/jarvis" register "$folder/game.mp4" | tail -n 1)
echo "Partition $partition"
"$bin/dagster" asset materialize -m jarvis_dagster.definitions --select '+key:"delivery/results"' --partition "$partition"
