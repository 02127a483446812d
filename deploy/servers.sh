#!/usr/bin/env bash
# Install the servers that tests use and that come as Debian packages, where that is allowed;
# otherwise name what the tests will leave out.
set -u
declare -A package=(
  [prometheus]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
  [promtool]=prometheus
  [chromium]=chromium
)
missing=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null 2>&1 || missing+=("${package[$command]}")
done
[ -x /usr/lib/postgresql/*/bin/postgres ] 2>/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$sudo" ] || sudo -n true 2>/dev/null; }; then
  echo "Installing ${missing[*]} for the tests"
  if $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 &&
     $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
    exit 0
  fi
fi
echo "Not installed, and their tests are left out: ${missing[*]}"
echo "Install them with your package manager to run these tests too."
