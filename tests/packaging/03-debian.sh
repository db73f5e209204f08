#!/bin/bash
# Goal: the Debian package installs, works and goes away again.
. "$(dirname "$0")/../lib.sh"
needs dpkg-deb dpkg mandoc zsh fish
. "$ROOT/tests/packaging/shipped.sh"

deb=$ROOT/dist/berth_${VERSION}_$(dpkg --print-architecture).deb
ok 'it is a package' dpkg-deb --info "$deb"
field() {
	dpkg-deb --field "$deb" "$1"
}
is 'of this version' "$(field Version)" "$VERSION"
is 'with one name' "$(field Package)" berth
like 'that says what it is in a line' "$(field Description | head -n 1)" \
	'^[^ ].{10,79}$'
is 'all is owned by root, and nobody else may write' \
	"$(dpkg-deb -c "$deb" | grep -v '^l' |
		awk '$2 != "root/root" || substr($1, 6, 1) substr($1, 9, 1) != "--"')" ''

# Into a root of its own, with a database of its own.
mkdir -p root/var/lib/dpkg/{updates,info}
: >root/var/lib/dpkg/status
if [ "$(id -u)" -eq 0 ]; then
	ok 'dpkg installs it' dpkg --root="$TMP/root" --force-depends \
		--log=/dev/null -i "$deb"
	ok 'and the sums are right' env -C root md5sum --quiet -c \
		var/lib/dpkg/info/berth.md5sums
else
	dpkg-deb -x "$deb" root
	cannot 'dpkg installs it' 'only root may'
fi

check_share "$TMP/root/usr/share" vendor-completions
for path in doc/berth/copyright doc/berth/changelog.gz doc/berth/NOTICES.gz; do
	ok "has $path" test -s "root/usr/share/$path"
done
for arch in x86_64 aarch64; do
	ok "has the daemon to send to $arch" \
		test -s "root/usr/libexec/berth/berthd-$arch"
done
is 'the programs of others are ours' \
	"$(readlink root/usr/bin/codexd root/usr/bin/codex-remote | tr '\n' ' ')" \
	'berthd berth '
is 'berth runs' "$(root/usr/bin/berth version)" "berth $VERSION"

unset BERTHD
use_home h
PATH=$TMP/root/usr/bin:$PATH
is 'a first command runs' "$(berth exec run --raw -- echo hello)" hello
berthd stop
BERTHD=$TMP/root/usr/bin/berthd

if [ "$(id -u)" -eq 0 ]; then
	ok 'dpkg removes it' dpkg --root="$TMP/root" --log=/dev/null -P berth
	is 'and nothing is left' "$(find root -name '*berth*' ! -path '*/var/*')" ''
fi
