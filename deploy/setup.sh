#!/usr/bin/env bash
# Make the virtual environment: setup.sh base|test PYTHON VENV
# Uses uv where it is found, plain pip otherwise; versions come from constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1 python=$2 venv=$3
root=$PWD

"$python" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Jarvis needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
             "Name another one: make PYTHON=python3.12 ...")
if sys.version_info >= (3, 14):
    print(f"Jarvis was tried with Python 3.11 to 3.13; this is {sys.version.split()[0]}. If a package "
          "cannot be built, name another one: make PYTHON=python3.13 ...")
PY

if [ ! -x "$venv/bin/python" ]; then
  echo "Making the virtual environment $venv"
  "$python" -m venv "$venv"
fi
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-compile)
if command -v uv >/dev/null 2>&1; then
  fast=(uv pip install --quiet --python "$venv/bin/python")
else
  fast=("${pip[@]}")
fi

install() { # the quick installer; plain pip when it cannot
  "${fast[@]}" "$@" || { [ "${fast[0]}" = uv ] && "${pip[@]}" "$@"; }
}

compile() { # on every core: pip compiles on one, uv leaves it to the first start
  local packages
  packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  # Some packages carry files of other Python versions, which this one cannot compile.
  "$venv/bin/python" -m compileall -q -j 0 "$packages" >/dev/null 2>&1 || true
}

echo "Installing Jarvis ($kind) and what it needs; the first time takes a minute or two"
if [ "$kind" = test ]; then
  if [ "${fast[0]}" = uv ]; then
    # The training extra pins a PyTorch build that only pip's own configuration may know.
    "${pip[@]}" -c constraints.txt "$(sed -n 's/^training = .*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)"
  fi
  install -c constraints.txt -e ".[training,production,test]"
  compile
  deploy/libraries.sh "$venv/bin/python"
  touch "$venv/bin/.base" "$venv/bin/.test"
else
  install -c constraints.txt -e .
  compile
  deploy/libraries.sh "$venv/bin/python"
  touch "$venv/bin/.base"
fi
echo "Ready: $root/$venv"
