#!/bin/sh
# Puts Python where the official image has it: below /usr/local and outside the package manager's sight.
#
# The interpreter is Debian's own, taken apart instead of installed. Debian's layout (dist-packages,
# `--prefix` that ends in /local, EXTERNALLY-MANAGED, no ensurepip) breaks Dockerfiles that are written
# for python:3.x-slim, so its three patches to that effect are undone, and pip comes from its wheel.
#
# Called by the builder of stand-ins as: python.sh ROOT DEBS VERSION
# ROOT is the root file system, DEBS a directory with the packages of `unpacked`, VERSION such as 3.11.
set -eu
root=$1 debs=$2 version=$3
tree=$debs/tree
local=$root/usr/local
lib=$local/lib/python$version

mkdir -p "$tree" "$local/lib" "$local/include"
for deb in "$debs"/*.deb; do dpkg-deb --extract "$deb" "$tree"; done
multiarch=$(basename "$(dirname "$(echo "$tree"/usr/lib/*/libpython"$version".so.1.0)")")

cp -a "$tree/usr/lib/python$version" "$local/lib/"
cp -a "$tree/usr/include/python$version" "$local/include/"
cp -a "$tree/usr/include/$multiarch/python$version/pyconfig.h" "$local/include/python$version/pyconfig.h"
cp -a "$tree/usr/bin/python$version" "$tree/usr/bin/pydoc$version" "$local/bin/"
cp -a "$tree/usr/lib/$multiarch/libpython$version.so.1.0" "$local/lib/"
ln -s "libpython$version.so.1.0" "$local/lib/libpython$version.so"
ln -s "python$version" "$local/bin/python3"
ln -s python3 "$local/bin/python"
ln -s "pydoc$version" "$local/bin/pydoc3"
ln -s pydoc3 "$local/bin/pydoc"

# What the official image leaves out, and what belongs to Debian's way of things.
rm -rf "$lib/test" "$lib/EXTERNALLY-MANAGED" "$lib/sitecustomize.py"
find "$lib" -name '*.a' -delete
rm -f "$lib/config-$version-$multiarch/libpython$version.so" "$lib/config-$version-$multiarch/python.o"

# Everything lives below /usr/local, which the build configuration says too.
sed -i -E \
    -e "s#/usr/(include|lib)/python$version#/usr/local/\1/python$version#g" \
    -e "s#'(BINDIR|INCLUDEDIR|CONFINCLUDEDIR|LIBDIR|SCRIPTDIR|prefix|exec_prefix)': '/usr(/bin|/include|/lib)?(/$multiarch)?'#'\1': '/usr/local\2'#" \
    -e "s#'WHEEL_PKG_DIR': '[^']*'#'WHEEL_PKG_DIR': '/usr/local/lib/python$version/ensurepip/_bundled'#" \
    "$lib/_sysconfigdata__$multiarch.py"
# Upstream's default install scheme instead of Debian's. The module `site` is frozen into the interpreter
# and looks for dist-packages, so that name leads to site-packages.
sed -i -E "s/(DEB_PYTHON_INSTALL_LAYOUT', |prefix_scheme = )'posix_local'/\1'posix_prefix'/" "$lib/sysconfig.py"
# Debian's setuptools counts on its module for distutils, which uses upstream's scheme in virtual environments.
sed -i 's/^    return sys.base_prefix != sys.prefix or .*/    return True/' "$lib/_distutils_system_mod.py"
mkdir -p "$lib/site-packages" "$lib/ensurepip/_bundled"
ln -s site-packages "$lib/dist-packages"
sed -i 's/^\( *\)_ensurepip_is_disabled_in_debian_for_system()$/\1pass/' "$lib/ensurepip/__init__.py"
cp "$tree"/usr/share/python-wheels/*.whl "$lib/ensurepip/_bundled/"

ldconfig -r "$root"
PYTHONDONTWRITEBYTECODE=1 PIP_CONFIG_FILE=/dev/null chroot "$root" /usr/local/bin/python3 \
    "/usr/local/lib/python$version/ensurepip/_bundled/$(cd "$lib/ensurepip/_bundled" && echo pip-*.whl)/pip" \
    --isolated install --no-compile --no-cache-dir --root-user-action=ignore --disable-pip-version-check --no-index \
    --find-links "/usr/local/lib/python$version/ensurepip/_bundled" pip setuptools wheel
rm "$lib/ensurepip/_bundled"/wheel-*.whl
