#!/bin/sh
# Before the node image's own entry script: systemd and the inner engine make cgroups of their own, below
# the container's. Docker shows those of a container to it read-only, unless it is privileged; with
# cgroup v1 each controller is a mount. A bind remount touches this view alone, not the machine's.
set -eu
for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if mountpoint -q "$mount"; then
        mount -o remount,bind,rw "$mount"
    fi
done
exec /usr/local/sbin/beeyard-node
