#!/usr/bin/env bash
# Install the servers and libraries that tests use and that come as Debian packages, where that is
# allowed; otherwise name what the tests will leave out.
set -u
. "$(dirname "$0")/packages.sh"
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
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
/sbin/ldconfig -p 2>/dev/null | grep -q libpangoft2-1.0 || missing+=(libpangoft2-1.0-0)
[ ${#missing[@]} -eq 0 ] && exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

echo "Installing ${missing[*]} for the tests"
install_packages "${missing[@]}" && exit 0
echo "Not installed, and their tests are left out: ${missing[*]}"
echo "Install them with your package manager to run these tests too."
