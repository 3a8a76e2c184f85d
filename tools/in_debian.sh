#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command on a bare Debian of any suite, in a copy of this checkout:
#   tools/in_debian.sh trixie make test
#   tools/in_debian.sh --keep /var/tmp/trixie trixie make demo
# The system is debootstrap's smallest, with make, from the package source of this machine; it is removed afterwards.
# With --keep it stays in that folder, packages and build folder included, and the next run goes on there.
# Needs root and the package debootstrap. The exit code is the command's.
set -euo pipefail

keep=
if [ "${1:-}" = --keep ] && [ $# -ge 2 ]; then keep=$2; shift 2; fi
[ $# -ge 2 ] || { echo "usage: tools/in_debian.sh [--keep FOLDER] SUITE COMMAND..." >&2; exit 2; }
suite=$1; shift
[ "$(id -u)" = 0 ] || { echo "tools/in_debian.sh: needs root, as debootstrap and chroot do" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "tools/in_debian.sh: debootstrap is not installed" >&2; exit 2; }
source_folder=$(cd "$(dirname "$0")/.." && pwd)

if [ -n "$keep" ]; then
  root=$(realpath -m "$keep")
else
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/flowrun-$suite.XXXXXX")
  # All mounts are in a namespace of their own, which is gone by then.
  trap 'rm -rf --one-file-system "$root"' EXIT
fi

if [ ! -e "$root/.bare" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
  debootstrap --variant=minbase "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" >&2
  # As this machine reaches its packages.
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check-)' >"$root/etc/apt/apt.conf.d/00machine" || true
  # Nobody needs this system after a power cut, nor daemons in it.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  touch "$root/.bare"
fi
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

# What git has or would add. Files that are as they were keep their time, so that a kept build folder is up to date.
mkdir -p "$root/flowrun" "$root/flowrun.new"
(cd "$source_folder" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -e "$file" ] || printf '%s\0' "$file"; done | tar -c --null -T -) | tar -x -m -C "$root/flowrun.new"
(cd "$root/flowrun.new" && find . -type f -print0 | while IFS= read -r -d '' file; do
  ! cmp -s "$file" "$root/flowrun/$file" || touch -r "$root/flowrun/$file" "$file"; done)
[ ! -e "$root/flowrun/build" ] || mv "$root/flowrun/build" "$root/flowrun.new/"
rm -rf "$root/flowrun"
mv "$root/flowrun.new" "$root/flowrun"

cat >"$root/run-in-debian" <<'INSIDE'
#!/bin/sh
cd /flowrun
command -v make >/dev/null || { apt-get update && apt-get install -y --no-install-recommends make; } >&2 || exit 1
exec "$@"
INSIDE
chmod +x "$root/run-in-debian"

# Processes that the command leaves behind end with it: they are in a namespace whose first process is that bash, which
# has to catch the terminal's interrupt, as nothing else ends a first process.
status=0
ROOT=$root unshare --mount --pid --fork --kill-child bash -c '
  set -e
  trap "exit 130" INT TERM
  mount --make-rprivate /
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  chroot "$ROOT" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
    LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} /run-in-debian "$@"' in_debian "$@" || status=$?
exit $status
