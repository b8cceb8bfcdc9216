#!/bin/sh
# Keeps the rules of the security groups in force, as firewall-apply.sh hands them over. Their table belongs to
# the process `nft`: nobody else changes it, a flush of all rules passes it over, and it goes with the process.
set -eu

# What passes from one node to another is bridged; the filter sees it where the bridge shows it to the filter.
bridge="$(ip -o -4 address show to "$GATEWAY/32" | sed -n '1s/^[0-9]*: *\([^ ]*\) .*/\1/p')"
if ! ip link set dev "$bridge" type bridge nf_call_iptables 1; then
    echo "what $bridge passes on is not shown to the filter" >&2
fi

rm -f /run/firewall
mkfifo /run/firewall
# Open for both: its end is never reached.
exec 3<> /run/firewall
if [ -e /run/rules.nft ]; then
    echo 'include "/run/rules.nft"' >&3
fi
exec nft --interactive <&3
