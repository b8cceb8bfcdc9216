#!/bin/sh
# As the genuine image takes its arguments: a configuration file alone means `serve` it.
set -e
case "$1" in
    *.yaml | *.yml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
