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
# The metadata service is in the VPC; the default route would lead to that of this machine's own cloud.
interface="$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p')"
if [ -n "$interface" ]; then
    ip route replace 169.254.169.254 dev "$interface"
fi
exec /usr/local/sbin/beeyard-node
