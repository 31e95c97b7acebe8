# Leaves an image as a container needs it, the same to the byte however often it is made, and without
# a trace of the machine. WORK comes from the environment; it holds the apt sources and settings.
set -eu
root=$1
chroot "$root" dpkg-query --show --showformat '${Package} ${Version}\n' >> "$WORK/packages"
cd "$root"

# The packages of the first stage were unpacked before dpkg knew what to leave out.
find usr/share/doc ! -type d ! -name copyright -delete
find usr/share/doc -type d -empty -delete
rm -rf usr/share/info/* usr/share/lintian/* usr/share/locale/* usr/share/man/*

rm -rf var/lib/apt/lists var/cache/apt
mkdir -p var/lib/apt/lists/partial var/cache/apt/archives/partial
rm -f var/cache/ldconfig/aux-cache var/cache/debconf/*-old var/lib/dpkg/*-old
find var/log -type f -delete
find . -xdev -type d -name __pycache__ -prune -exec rm -rf {} +

# The machine's name servers and name, and the settings with which it reaches its mirror.
rm -f etc/resolv.conf etc/hostname etc/apt/apt.conf.d/99mmdebstrap etc/apt/sources.list
rm -rf etc/apt/sources.list.d
mkdir etc/apt/sources.list.d
cp "$WORK/inside.sources" etc/apt/sources.list.d/debian.sources
[ ! -d "$WORK/keyrings" ] || cp "$WORK"/keyrings/* etc/apt/keyrings/

# apt as the official images set it up: no package and no index stays behind in a layer.
cp "$WORK/inside.conf" etc/apt/apt.conf.d/docker
printf '#!/bin/sh\nexit 101\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
