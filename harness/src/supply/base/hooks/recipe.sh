# Downloads what the recipe takes apart, verified like every other package, and runs the recipe.
# WORK, UNPACKED, RECIPE and ARGUMENTS come from the environment.
set -eu
root=$1
debs=$WORK/debs
mkdir "$debs"
if [ -n "$UNPACKED" ]; then
    # Names of packages, split on purpose.
    # shellcheck disable=SC2086
    (cd "$debs" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet download $UNPACKED)
fi
for deb in "$debs"/*.deb; do
    [ -e "$deb" ] && dpkg-deb --show --showformat '${Package} ${Version} unpacked\n' "$deb"
done > "$WORK/packages"
if [ -n "$RECIPE" ]; then
    # shellcheck disable=SC2086
    sh "$RECIPE" "$root" "$debs" $ARGUMENTS
fi
