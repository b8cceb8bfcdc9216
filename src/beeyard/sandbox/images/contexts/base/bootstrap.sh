#!/bin/sh
# Makes a slim Debian root file system and leaves it as a tar at ROOT.
#
# Runs in a container whose /usr, /bin, /sbin, /lib and /etc are the host's own, read-only: so it needs
# neither root nor an installed mmdebstrap on the host, only a host with apt and perl. SUITE names the release.
set -eu

work=/tmp/bootstrap
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/tool"
cd "$work"
cat > apt.conf <<EOF
// apt drops to the user _apt, who can't write into this folder.
APT::Sandbox::User "root";
Dir::State::lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get update
apt-get download mmdebstrap debian-archive-keyring
for package in ./*.deb; do
    dpkg-deb --extract "$package" tool
done
unset APT_CONFIG

cat > slim.dpkg <<'EOF'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/groff/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/linda/*
path-exclude=/usr/share/lintian/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
EOF

cat > slim.apt <<'EOF'
Acquire::GzipIndexes "true";
Acquire::Languages "none";
APT::AutoRemove::SuggestsImportant "false";
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
EOF

# Runs on the finished root: the essential packages were unpacked without dpkg's exclusions, and apt's
# settings would have made mmdebstrap lose the packages that it had just fetched.
cat > finish <<'EOF'
#!/bin/sh
set -eu
root="$1"
cp /tmp/bootstrap/slim.dpkg "$root/etc/dpkg/dpkg.cfg.d/slim"
cp /tmp/bootstrap/slim.apt "$root/etc/apt/apt.conf.d/90slim"
rm -f "$root"/var/cache/apt/*.bin
# It has merged what it had to, and brought all of perl to do so.
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get purge --yes \
    usrmerge perl '^perl-modules-5' '^libperl5' '^libgdbm' '^lib(file-find-rule|number-compare|text-glob)-perl$'
find "$root/usr/share/doc" -mindepth 2 ! -name copyright ! -type d -delete
find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
for folder in groff info linda lintian locale man; do
    rm -rf "${root:?}/usr/share/$folder"
    mkdir -p "$root/usr/share/$folder"
done
EOF
chmod +x finish

PATH="$PATH:$work/tool/usr/bin" perl tool/usr/bin/mmdebstrap \
    --mode=root --format=tar --variant=minbase \
    --keyring="$work/tool/usr/share/keyrings" \
    --include=ca-certificates,usr-is-merged \
    --customize-hook="$work/finish" \
    "$SUITE" "$ROOT"
