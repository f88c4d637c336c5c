#!/bin/sh
# Makes a Debian chroot with a Blender binary, to try the extension in it; or runs a command there.
#   tools/blender_chroot.sh setup DIR            needs root and debootstrap; about 2 GB, a few minutes; DEBIAN_MIRROR for another mirror,
#                                                DEBIAN_SUITE for another Blender: sid (default) has the newest, trixie 4.3
#   tools/blender_chroot.sh run DIR COMMAND...   the repository is at /repo, the command starts there
#   tools/blender_chroot.sh remove DIR           unmounts, then deletes
set -eu

usage() { sed -n "2,6p" "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
verb=$1
root=$2
shift 2
repo=$(cd "$(dirname "$0")/.." && pwd)

mount_all() {
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
  mountpoint -q "$root/dev/shm" || mount -t tmpfs tmpfs "$root/dev/shm"
  mkdir -p "$root/repo"
  mountpoint -q "$root/repo" || mount --bind "$repo" "$root/repo"
}

unmount_all() {
  for place in repo dev/shm dev proc; do
    if mountpoint -q "$root/$place"; then umount "$root/$place"; fi
  done
}

case $verb in
  setup)
    [ -x "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase --include=ca-certificates "${DEBIAN_SUITE:-sid}" "$root" ${DEBIAN_MIRROR:-}
    mount_all
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/hosts "$root/etc/hosts"
    # a mirror that lags behind has an expired Release file; its signature is still checked
    chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update
    # numpy, requests and cattrs: Blender's own add-ons and its extension system want them; pytest and venv: our tests
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends \
      blender xvfb xauth xdotool x11-utils imagemagick scrot libgl1-mesa-dri libegl1 libgl1 libglx-mesa0 libegl-mesa0 \
      python3-numpy python3-requests python3-cattr python3-pil python3-pytest python3-venv
    chroot "$root" blender --version
    ;;
  run)
    mount_all
    exec chroot "$root" /bin/sh -c 'cd /repo && exec "$@"' sh "$@"
    ;;
  remove)
    unmount_all
    # a bound /dev must never be deleted with the folder
    for place in repo dev proc; do if mountpoint -q "$root/$place"; then echo "still mounted: $root/$place" >&2; exit 1; fi; done
    rm -rf --one-file-system "$root"
    ;;
  *) usage ;;
esac
