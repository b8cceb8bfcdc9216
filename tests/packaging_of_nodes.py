"""A package source of a node's own, with one package that is newer than what is installed."""

#: Arguments: a package that is installed, and what is put behind its version. It is packed anew of
#: what is there; a source of the node's own holds it afterwards, and nothing else comes from
#: anywhere.
SOURCE = """\
set -eu
repo=/var/lib/drill-repo; mkdir -p $repo/tree; cd $repo
chmod 0755 $repo
mkdir -p tree/DEBIAN
dpkg -L "$1" | while read -r file; do
  if [ -f "$file" ] || { [ -L "$file" ] && [ ! -d "$file" ]; }; then echo "$file"; fi
done | tar -cPf - -T - --transform 's,^/,,' | tar -xf - -C tree
for script in preinst postinst prerm postrm conffiles triggers; do
  cp /var/lib/dpkg/info/"$1".$script tree/DEBIAN/ 2> /dev/null || true
done
dpkg-query -s "$1" | awk '/^[^ ]/ { left = /^(Status|Conffiles):/ } !left' > tree/DEBIAN/control
sed -i "s/^\\(Version: .*\\)$/\\1$2/" tree/DEBIAN/control
dpkg-deb -Zgzip -z1 -b tree new.deb; rm -r tree
{ dpkg-deb -f new.deb; echo "Filename: ./new.deb"; echo "Size: $(stat -c %s new.deb)"
  echo "SHA256: $(sha256sum new.deb | cut -d' ' -f1)"; } > Packages
mkdir -p /etc/apt/others
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  if [ -e "$file" ]; then mv "$file" /etc/apt/others/; fi
done
echo "deb [trusted=yes] file:$repo ./" > /etc/apt/sources.list.d/drill.list
"""
BACK = """\
rm -f /etc/apt/sources.list.d/drill.list
if [ -d /etc/apt/others ]; then
  for file in /etc/apt/others/*; do
    case "$file" in */sources.list) to=/etc/apt/;; *) to=/etc/apt/sources.list.d/;; esac
    if [ -e "$file" ]; then mv "$file" $to; fi
  done
  rmdir /etc/apt/others
fi
rm -rf /var/lib/drill-repo
"""
