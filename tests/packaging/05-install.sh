#!/bin/bash
# Goal: make install puts everything where it belongs, and takes it away again.
. "$(dirname "$0")/../lib.sh"
needs make mandoc zsh fish
. "$ROOT/tests/packaging/shipped.sh"

cd "$ROOT" || exit 1
ok 'it installs below DESTDIR and PREFIX' \
	scripts/install --destdir "$TMP/root" /opt/berth
cd "$TMP" || exit 1
top=$TMP/root/opt/berth
is 'and nowhere else' "$(ls root root/opt | tr '\n' ' ')" 'root: opt  root/opt: berth '
check_share "$top/share" site-functions
is 'the daemon to send to machines like this is this one' \
	"$(readlink -f "$top/libexec/berth/berthd-$(uname -m)")" "$top/bin/berthd"
is 'berth runs' "$("$top/bin/berth" version)" "berth $VERSION"
like 'the unit names the daemon in its place' \
	"$(<"$top/lib/systemd/user/berthd.service")" \
	'ExecStart=/opt/berth/bin/berthd serve'

# berth finds the daemon that was installed beside it.
unset BERTHD
use_home h
is 'a first command runs' "$("$top/bin/berth" exec run --raw -- echo hello)" hello
ok 'the daemon stops' "$top/bin/berthd" stop
BERTHD=$BUILD/src/berthd/berthd

cd "$ROOT" || exit 1
ok 'it is removed again' scripts/install --destdir "$TMP/root" --remove /opt/berth
is 'to the last file' "$(find "$TMP/root" ! -type d)" ''
