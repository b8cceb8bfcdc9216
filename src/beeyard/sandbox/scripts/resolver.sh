#!/bin/sh
# dnsmasq reads its hosts again on SIGHUP, but its configuration only when it starts: whoever ends it
# gets a new one within milliseconds. `init` hands SIGTERM to this shell, which ends with its dnsmasq.
stopping=
trap 'stopping=1; kill "$child" 2>/dev/null' TERM INT
while [ -z "$stopping" ]; do
    dnsmasq --conf-file=/etc/beeyard-resolver/dnsmasq.conf &
    child=$!
    echo "$child" > /run/dnsmasq.pid
    wait "$child"
    status=$?
    # A configuration that it refuses must not be tried in a tight loop.
    if [ -z "$stopping" ] && [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then exit "$status"; fi
done
