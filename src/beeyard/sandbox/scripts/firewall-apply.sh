#!/bin/sh
# firewall-apply.sh TABLE VERSION < RULES: has the rules take the place of those in force, in one piece. Says
# `unbridged` where the kernel does not show the filter what is bridged.
set -eu
table="$1"
version="$2"

cat > /run/candidate.nft
# Under another name: the table itself is its owner's, also for being tried.
sed "s/^\(delete \)\?table ip $table/&_candidate/" /run/candidate.nft | nft --check --file -
mv /run/candidate.nft /run/rules.nft

waited=0
wait_a_little() {
    waited=$((waited + 1))
    if [ "$waited" -gt 400 ]; then
        echo "the rules were not taken: see the container's log" >&2
        exit 1
    fi
    sleep 0.05
}
until [ -p /run/firewall ]; do wait_a_little; done
echo 'include "/run/rules.nft"' > /run/firewall
until nft list chain ip "$table" "v_$version" > /dev/null 2>&1; do wait_a_little; done
if [ ! -d /proc/sys/net/bridge ]; then
    echo unbridged
fi
