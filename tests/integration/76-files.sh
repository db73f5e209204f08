#!/bin/bash
# Goal: single files of a machine are read, written, listed and moved the same
# way however they are reached: whole or not at all, never over somebody else's
# change, under any name that a file can have.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs jq

mkdir -p "$BERTH_HOME/config" "$HOME/work"
export BERTHD BERTH_OUTPUT=json
start_daemon
cd "$HOME/work" || exit 99

file() {
	"$BERTH" file "$@"
}
field() { # FILTER
	jq -r "$1"
}

# Two that change the same file at the same time, each with the etag that it
# has: one of them is told.  Between the last look and the change SFTP has a gap,
# and a shell where there is no flock.
has_gap() {
	[ "$1" = sftp ] || { [ "$1" = busybox ] && [ ! -e "$TMP/busybox/flock" ]; }
}
two_writers() {
	local etag one two won round
	for round in 1 2 3; do
		echo start >shared
		etag=$(file stat shared | field .etag)
		echo one | file write shared --if-match "$etag" >one 2>&1 &
		one=$!
		echo second | file write shared --if-match "$etag" >two 2>&1
		two=$?
		wait $one
		one=$?
		won=$(((one == 0) + (two == 0)))
		if has_gap "$1"; then
			ok "$1: one of two writers wins" [ $won -ge 1 ]
		else
			is "$1: one of two writers wins" $won 1
		fi
		like "$1: what is there is from one that won" \
			"$one$two$(cat shared)" '^(0.*one|.*0second)$'
		[ $won -eq 2 ] || is "$1: ... the other is told why" \
			"$(cat one two | grep -o '"code":"[A-Z]*"')" \
			'"code":"CONFLICT"'
	done
	for round in 1 2 3; do
		rm shared
		echo one | file write shared --new >one 2>&1 &
		one=$!
		echo second | file write shared --new >two 2>&1
		two=$?
		wait $one
		is "$1: one of two makes what is new" \
			"$((($? == 0) + (two == 0)))" 1
	done
	rm shared one two
}

conforms() {
	local etag name
	file write a <<<one >"$TMP/answer"
	is "$1: a file is written" "$(cat a)" one
	is "$1: ... with the usual mode" "$(stat -c %a a)" 644
	is "$1: ... and read" "$(file read a)" one
	is "$1: from an offset" "$(file read a --offset 1)" ne
	is "$1: so many bytes" "$(file read a --offset 1 --length 1)" n
	is "$1: behind the end is nothing" "$(file read a --offset 99)" ''
	is "$1: stat tells the size" "$(file stat a | field .size)" 4
	is "$1: an empty file" "$(file write e </dev/null >/dev/null && file read e | wc -c)" 0

	chmod 750 a
	file write a <<<two >/dev/null
	is "$1: the mode is kept" "$(stat -c %a a)" 750
	chmod 4755 a
	file write a <<<two >/dev/null
	is "$1: setuid is not" "$(stat -c %a a)" 755
	file write a --mode 600 <<<two >/dev/null
	is "$1: a mode is set" "$(stat -c %a a)" 600

	etag=$(file stat a | field .etag)
	ok "$1: unchanged since" file write a a --if-match "$etag"
	echo "something longer" >a
	fails "$1: changed since" file write a e --if-match "$etag"
	is "$1: ... and untouched" "$(cat a)" 'something longer'
	fails "$1: --new does not replace" file write a e --new

	two_writers "$1"
	fails "$1: no directory" file write x/y/z a
	ok "$1: ... but with --mkdir" file write x/y/z a --mkdir
	ok "$1: mkdir" file mkdir dir
	fails "$1: mkdir once" file mkdir dir
	ok "$1: mkdir -p any number" file mkdir -p dir/in/side
	ok "$1: mv replaces" file mv x/y/z e
	is "$1: ... what it says" "$(cat e)" 'something longer'
	fails "$1: mv --new does not" file mv a e --new
	ok "$1: cp" file cp e f
	ok "$1: ... is the same" cmp e f
	fails "$1: a full directory stays" file rm dir
	ok "$1: ... but goes with -r" file rm -r dir x
	fails "$1: what is not there" file rm dir
	ok "$1: ... unless forced" file rm -f dir
	fails "$1: a directory is not read" file read .
	is "$1: no such file" "$(file read nothing 2>/dev/null | field .error.code)" NOT_FOUND

	ln -s e link
	is "$1: a link is read through" "$(file read link)" 'something longer'
	echo new | file write link >/dev/null
	is "$1: ... and written through" "$(cat e; readlink link)" 'new
e'
	is "$1: ... but told of" "$(file stat link | field '.type+.target')" linke
	ok "$1: ... and removed by itself" file rm link
	ok "$1: ... alone" test -f e
	mkfifo fifo
	fails "$1: a FIFO is refused" timeout 10 "$BERTH" file read fifo
	fails "$1: a device is refused" timeout 10 "$BERTH" file read /dev/zero
	like "$1: a file without a size" "$(file read /proc/self/status)" Name:

	for name in $'new\nline' -dash "$(printf 'x%.0s' {1..255})" \
		$'\xff\xfe' 'a b"c\d' '$(x)'; do
		file write -- "$name" a >/dev/null
		ok "$1: a name: $(printf %q "${name:0:20}")" cmp a "./$name"
		ok "$1: ... is read" [ "$(file read -- "./$name" | cksum)" = "$(cksum <a)" ]
		ok "$1: ... and removed" file rm -- "./$name"
	done
	touch $'\xff'
	is "$1: bytes that are no text are listed" \
		"$(file ls | field '.entries[]|select(.name_bytes).name_bytes')" /w==
	is "$1: no temporary file is left" "$(find . -name '.berth-*')" ''
	rm -rf ./*
}

for via in daemon sftp; do
	export BERTH_FILE_VIA=$via
	if [ $via = sftp ] && [ ! -x /usr/lib/openssh/sftp-server ]; then
		note "no sftp-server"
		continue
	fi
	conforms $via
done

# By the commands of every shell there is, busybox with tools of its own.
export BERTH_FILE_VIA=shell
mkdir "$TMP/busybox"
printf '#!/bin/sh\nPATH=%s exec busybox sh "$@"\n' "$TMP/busybox" \
	>"$TMP/busybox-sh"
chmod 755 "$TMP/busybox-sh"
if command -v busybox >/dev/null; then
	busybox --install -s "$TMP/busybox"
	ln -sf "$(command -v busybox)" "$TMP/busybox/busybox"
fi
for shell in dash bash busybox-sh; do
	export BERTH_FILE_SHELL=$shell
	[ $shell != busybox-sh ] || BERTH_FILE_SHELL=$TMP/$shell
	if ! command -v "${shell%-sh}" >/dev/null; then
		note "no ${shell%-sh}"
		continue
	fi
	conforms "${shell%-sh}"
done
unset BERTH_FILE_VIA BERTH_FILE_SHELL

# Sparse files, and the daemon's memory.
truncate -s 200M hole
file read hole -o copy
ok 'a sparse file is read whole' cmp hole copy
file write hole2 hole >/dev/null
ok '... and written' cmp hole hole2
rm -f hole hole2 copy

# Ranges, as any HTTP client asks for them.
printf 0123456789 >digits
range() {
	api GET "/v1/file/content?path=$HOME/work/digits" -H "Range: bytes=$1"
}
is 'a range' "$(range 2-4)" 234
is 'an open one' "$(range 7-)" 789
is 'the end' "$(range -2)" 89
like 'none' "$(range 10-)" 'ends before that'

# An upload that breaks is gone on with.
head -c 1000 /dev/urandom >part
key=0123456789abcdef
target="/v1/file/content?path=$HOME/work/whole&key=$key"
head -c 600 part | api PUT "$target&size=1000" -T - >/dev/null
is 'what is too short is refused' "$(ls -A | grep -c berth-)" 0
mkfifo "$TMP/pipe"
api PUT "$target&offset=0&size=1000" -T "$TMP/pipe" >/dev/null 2>&1 &
client=$!
exec 3>"$TMP/pipe"
head -c 600 part >&3
offset() {
	api GET "/v1/file/upload?path=$HOME/work/whole&key=$key" | jq .offset
}
has_come() {
	[ "$(offset)" = 600 ]
}
wait_for 10 has_come
kill_daemon
exec 3>&-
wait $client
start_daemon
is 'what came is kept over a kill' "$(offset)" 600
tail -c +601 part | api PUT "$target&offset=600&size=1000" -T - >/dev/null
ok 'and the rest is added' cmp part whole
is '... and nothing is left' "$(find . -name '.berth-*')" ''

# Roots.
stop_daemon
echo "allowed_cwd_roots: [$HOME/work]" >"$BERTH_HOME/config/berthd.yaml"
start_daemon
fails 'a root confines' file read /etc/hostname
ln -s /etc/hostname out
fails '... links, too' file read out
fails '... and names that climb' file read ../../../../../../etc/hostname
ok 'inside is all right' file read digits
stop_daemon
