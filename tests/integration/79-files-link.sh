#!/bin/bash
# Goal: files and directories of a machine behind SSH are read, written and
# synced over its link: through its daemon, through SFTP, through a shell, and
# by themselves through the best of them that the machine has.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/machines.sh"
needs jq

export BERTHD BERTH_OUTPUT=json
machine_start box
mkdir -p "$TMP/src/d/e" "$TMP/there"
seq 100000 >"$TMP/src/d/numbers"
head -c 20000000 /dev/urandom >"$TMP/src/large"
ln -s d/numbers "$TMP/src/link"
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	ok "$via: a file is written" "$BERTH" file write -m box \
		"$TMP/there/$via" "$TMP/src/large"
	ok "$via: ... the same" cmp "$TMP/src/large" "$TMP/there/$via"
	"$BERTH" file read -m box "$TMP/there/$via" -o "$TMP/back-$via"
	ok "$via: and read" cmp "$TMP/src/large" "$TMP/back-$via"
	ok "$via: a directory is pushed" "$BERTH" sync push -m box \
		"$TMP/src" "$TMP/there/tree-$via"
	ok "$via: ... the same" diff -r --no-dereference "$TMP/src" \
		"$TMP/there/tree-$via"
	ok "$via: and pulled" "$BERTH" sync pull -m box \
		"$TMP/there/tree-$via" "$TMP/tree-$via"
	ok "$via: ... the same" diff -r --no-dereference "$TMP/src" \
		"$TMP/tree-$via"
done
unset BERTH_FILE_VIA
is 'without a word it is the daemon' \
	"$("$BERTH" file stat -m box "$TMP/there/sftp" | jq .size)" 20000000

# A machine that takes no daemon has its SFTP; one without a subsystem has a
# shell, and so has one whose subsystem is missing.
without() { # NAME LINE: the server, with that line in the place of its SFTP
	machine_start "$1"
	sshd_stop "$1"
	sed -i "s:^Subsystem .*:$2:" "$SSHD/$1/sshd_config"
	sshd_run "$1" || fail "an ssh server starts again"
	"$BERTH" machine add "$1" --set install=false >/dev/null
}
declare -A words=([plain]='Subsystem sftp internal-sftp' [bare]=''
	[broken]='Subsystem sftp /nowhere/sftp-server')
for name in plain bare broken; do
	without $name "${words[$name]}"
	ok "$name: a file is written" "$BERTH" file write -m $name \
		"$TMP/there/$name" "$TMP/src/large"
	ok "$name: ... the same" cmp "$TMP/src/large" "$TMP/there/$name"
	ok "$name: a directory is pushed" "$BERTH" sync push -m $name \
		"$TMP/src" "$TMP/there/tree-$name"
	ok "$name: ... the same" diff -r --no-dereference "$TMP/src" \
		"$TMP/there/tree-$name"
	ok "$name: no daemon came" test ! -e "$TMP/$name/bin"
	"$BERTH" link stop $name
done
