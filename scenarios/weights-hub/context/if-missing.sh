#!/bin/sh
# Fetches the weights unless they are there already.
if [ ! -d "$MODEL" ]; then
    mkdir -p "$MODEL"
    hf download --quiet "$SOURCE" --local-dir "$MODEL"
fi
