#!/usr/bin/env bash
# Sourced by others: installing packages of the system, where that is allowed.

install_packages() { # false, and nothing done, where there is no apt-get or no right to use it
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  command -v apt-get >/dev/null 2>&1 || return 1
  [ -z "$sudo" ] || sudo -n true 2>/dev/null || return 1
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null 2>&1 &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
