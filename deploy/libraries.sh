#!/usr/bin/env bash
# Install what OpenCV needs of the system and a bare machine lacks, where that is allowed;
# otherwise name it. libraries.sh PYTHON
set -u
. "$(dirname "$0")/packages.sh"
packages=(libgl1 libglib2.0-0 libxcb1)

lacking() { "$1" -c 'import cv2' 2>&1 | sed -n 's/^ImportError: \(lib[^:]*\): .*/\1/p'; }

[ -n "$(lacking "$1")" ] || exit 0
echo "Installing ${packages[*]}, which OpenCV needs"
install_packages "${packages[@]}"
lack=$(lacking "$1")
[ -n "$lack" ] || exit 0
echo "OpenCV needs the system's library $lack, which could not be installed here." >&2
echo "Install it (on Debian and Ubuntu: sudo apt-get install ${packages[*]}) and run this again." >&2
exit 1
