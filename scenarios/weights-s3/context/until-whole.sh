#!/bin/sh
# Fetches the weights once, and shows them to nobody before they are whole.
set -eu

# The folder gets its name last, so that whoever finds it has all of it.
[ -d "$MODEL" ] && exit 0

# Of several pods on one volume one fetches, and the others wait for it.
exec 9>"$MODEL.lock"
flock 9
[ -d "$MODEL" ] && exit 0

# What an interrupted fetch left is taken up again: whole files stay, pieces of others go.
part="$MODEL.part"
mkdir -p "$part"
find "$part" -type f -name '*.safetensors.*' -delete
aws s3 sync --only-show-errors "$SOURCE" "$part"
# On the disk before it has its name: a node may lose its power.
sync "$part"/*
mv "$part" "$MODEL"
