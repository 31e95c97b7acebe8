#!/bin/sh
# Fetches the weights unless they are there already.
if [ ! -d "$MODEL" ]; then
    mkdir -p "$MODEL"
    aws s3 sync --only-show-errors "$SOURCE" "$MODEL"
fi
