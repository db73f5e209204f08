#!/bin/bash
# Goal: a directory becomes equal to another, whatever is in it and whatever
# happens on the way: what differs is sent, nothing leaves the directory, and
# what is cut off is gone on with.
# Timeout: 240
. "$(dirname "$0")/../lib.sh"
needs jq

mkdir -p "$BERTH_HOME/config" "$HOME/work"
export BERTHD BERTH_OUTPUT=json
start_daemon
cd "$HOME/work" || exit 99

sync() {
	"$BERTH" sync "$@"
}
field() { # FILTER
	jq -r "$1"
}
same() { # A B
	diff -r --no-dereference "$1" "$2" &&
		[ "$(state "$1")" = "$(state "$2")" ]
}
state() {
	(cd "$1" && find . -mindepth 1 ! -type l -printf '%p %m %Ts\n' |
		LC_ALL=C sort)
}

fails_with() { # CODE COMMAND...
	[ "$("${@:2}" | field .error.code)" = "$1" ]
}

# What a sync says that it does, or would.
steps() {
	"$@" --jsonl | jq -r 'select(.type != "end") | .type + " " + .path' |
		LC_ALL=C sort
}

make_tree() {
	local i long
	long=$(printf 'n%.0s' {1..255})
	mkdir -p src/a/b/c src/empty src/ro "src/$long"
	for i in {1..20}; do echo "$i" >"src/a/f$i"; done
	ln -s a/f1 src/link
	ln -s ../a/f2 src/ro/up
	head -c 9000000 /dev/urandom >src/a/b/large
	: >src/nothing
	printf x >"src/new"$'\n'"line"
	printf y >src/-dash
	printf z >src/$'\xff\xfe'
	printf w >"src/$long/$long"
	chmod 750 src/a/f3
	touch -d '2001-02-03 04:05:06.789' src/a/f4
	chmod 555 src/ro
}

for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	[ $via != sftp ] || [ -x /usr/lib/openssh/sftp-server ] || continue
	make_tree
	ok "$via: push" sync push src dst
	ok "$via: ... is the same" same src dst
	is "$via: nothing is sent twice" "$(sync push src dst | field .files)" 0
	ok "$via: pull" sync pull dst back
	ok "$via: ... is the same" same src back
	is "$via: nothing is fetched twice" "$(sync pull dst back | field .files)" 0

	# Links that go round are links like others.
	ln -s loop src/loop
	ln -s . src/self
	ln -s ../b src/a/b/again
	mkdir -p src/a/b/c/d && ln -s ../../../.. src/a/b/c/d/top
	exits 0 "$via: links in a circle are sent" sync push src dst
	ok "$via: ... as they are" same src dst
	exits 0 "$via: ... and fetched" sync pull dst back
	ok "$via: ... as they are" same src back
	rm {src,dst}/{loop,self,a/b/again}
	rm -r {src,dst}/a/b/c/d

	echo changed >src/a/f5
	chmod 700 src/a/f6
	rm src/a/f7 src/link
	rm src/a/f8 && mkdir src/a/f8
	ln -s a/f9 src/link
	echo extra >dst/extra
	is "$via: a dry run says what" \
		"$(sync push src dst --delete -n --jsonl | jq -rs '[.[]|select(.type=="delete").path]|sort|join(" ")')" \
		'a/f7 a/f8 extra'
	ok "$via: ... and does nothing" test -e dst/extra
	mkdir -p src/newer/in "$HOME/outside" && touch src/newer/in/f
	touch "$HOME/outside/f"
	cp -a dst was
	ln -s "$HOME/outside" was/out
	cp -a was dst2
	steps sync push src dst2 --delete -n >"$TMP/dry"
	ok "$via: a dry run leaves all as it is" same was dst2
	steps sync push src dst2 --delete >"$TMP/real"
	ok "$via: what it tells is what is done" cmp "$TMP/dry" "$TMP/real"
	ok "$via: ... and makes them the same" same src dst2
	ok "$via: ... and deletes nothing outside" test -e "$HOME/outside/f"
	steps sync pull src was --delete -n >"$TMP/dry"
	ok "$via: the same goes for a pull" test -L was/out
	steps sync pull src was --delete >"$TMP/real"
	ok "$via: ... it tells what is done" cmp "$TMP/dry" "$TMP/real"
	ok "$via: ... and makes them the same" same src was
	ok "$via: ... and deletes nothing outside" test -e "$HOME/outside/f"
	rm -rf dst2 was "$HOME/outside" src/newer
	ok "$via: without --delete" sync push src dst
	ok "$via: ... what is more stays" test -e dst/extra
	ok "$via: with it" sync push src dst --delete
	ok "$via: ... it goes" same src dst

	printf CHANGED >src/a/f5
	touch -r src/a/f4 src/a/f5 src/a/f10
	sync push src dst >/dev/null
	printf DHANGED >src/a/f5
	touch -r src/a/f4 src/a/f5
	is "$via: same size, same time" "$(sync push src dst | field .files)" 0
	if [ $via = daemon ]; then
		is "$via: --checksum looks inside" \
			"$(sync push src dst --checksum | field .files)" 1
		ok "$via: ... and finds it" same src dst
	fi

	# Every row of the table of patterns, in both directions.
	mkdir -p pat/{build,dist,sub/{build,dist,doc,cache/c},doc/deep,a/b}
	(cd pat && touch {,sub/}{x.o,keep.o,file} {,sub/}{build,dist}/f \
		{,sub/}doc/{t.txt,t.md} doc/deep/t.txt sub/cache/c/f a/f a/b/f \
		1x ax '#x' '*y' zy)
	printf '%s\n' '# a comment' '' '*.o' '!keep.o' 'build/' '/dist' \
		'doc/*.txt' '**/cache' 'a/**' '[!a-z]x' '\*y' >"$TMP/patterns"
	wanted='a ax doc doc/deep doc/deep/t.txt doc/t.md file keep.o sub sub/dist'
	wanted+=' sub/dist/f sub/doc sub/doc/t.md sub/doc/t.txt sub/file sub/keep.o zy'
	for way in push pull; do
		sync $way pat ex --exclude-from "$TMP/patterns" >/dev/null
		is "$via: $way: patterns" "$(cd ex && find . -mindepth 1 |
			cut -c3- | LC_ALL=C sort | xargs)" "$wanted"
		mkdir ex/build && touch ex/mine.o ex/build/mine
		sync $way pat ex --exclude-from "$TMP/patterns" --delete >/dev/null
		ok "$via: $way: what is excluded is not deleted" \
			test -e ex/mine.o -a -e ex/build/mine
		rm -r ex
	done
	rm -r pat

	ln -s /etc/passwd src/out
	ln -s ../../outside src/up
	exits 1 "$via: links that lead out are skipped" sync push src dst
	ok "$via: ... both" test ! -L dst/out -a ! -L dst/up
	rm src/out src/up

	# A link in the target is no way out of it.
	mkdir "$HOME/outside"
	rm -rf dst/a && ln -s "$HOME/outside" dst/a
	sync push src dst >/dev/null
	is "$via: nothing is written through a link" "$(ls "$HOME/outside")" ''
	ok "$via: ... which gave way" same src dst
	rm -rf back/a && ln -s "$HOME/outside" back/a
	sync pull dst back >/dev/null
	is "$via: nor fetched through one" "$(ls "$HOME/outside")" ''
	ok "$via: no source" fails_with NOT_FOUND sync pull nowhere here
	is "$via: nothing is left" "$(find . -name '.berth-*')" ''
	chmod -R u+w . && rm -rf ./* "$HOME/outside"
done 2>"$TMP/errors"
unset BERTH_FILE_VIA

# What is older than 1970 stays so, in our archives and in tar's.
mkdir -p old/dir
echo w >old/whole
echo f >old/fraction
ln -s whole old/link
touch -h -d '1969-12-31 23:59:58 UTC' old/link
touch -d '1931-05-06 07:08:09 UTC' old/whole old/dir
touch -d '1969-12-31 23:59:58.75 UTC' old/fraction
times() { # DIRECTORY
	(cd "$1" && stat -c "%n ${2:-%.9Y}" dir fraction link whole large \
		2>/dev/null)
}
ok 'old times: push' sync push old old2
is '... keeps them' "$(times old2)" "$(times old)"
is '... and sends nothing twice' "$(sync push old old2 | field '.files, .changed')" \
	$'0\n0'
rm -rf old2
ok 'old times: pull' sync pull old old2
is '... keeps them' "$(times old2)" "$(times old)"
rm -rf old2 && mkdir old2
printf '%s\0' dir fraction link whole |
	api POST "/v1/sync/pack?path=$PWD/old" --data-binary @- | tar -C old2 -x
is 'old times: tar reads them' "$(times old2)" "$(times old)"
for format in gnu posix; do
	rm -rf old2 && mkdir old2
	tar -C old --format=$format -c dir fraction link whole |
		api POST "/v1/sync/unpack?path=$PWD/old2" -T - >/dev/null
	is "... and writes them ($format)" "$(times old2 %Y)" "$(times old %Y)"
done
is '... to the nanosecond' "$(times old2)" "$(times old)"
is 'old times: a file gets one' "$(api PUT \
	"/v1/file/content?path=$PWD/old2/whole&mtime=-1500000000" -d x >/dev/null
	stat -c %.9Y old2/whole)" -1.500000000
is '... and another' "$(api POST \
	"/v1/file/set?path=$PWD/old2/whole&mtime=-1" >/dev/null
	stat -c %.9Y old2/whole)" -0.000000001
like '... and tells it' "$(api GET "/v1/file/content?path=$PWD/old2/fraction" \
	-o /dev/null -D -)" $'Berth-Mtime: -1250000000\r'
rm -rf old2
# A large one goes by itself; a shell gives links no time.
rm old/link
head -c 9000000 /dev/zero >old/large
touch -d '1969-12-31 23:59:58.25 UTC' old/large
for via in daemon shell; do
	export BERTH_FILE_VIA=$via
	ok "old times: push ($via)" sync push old old2
	is '... keeps them' "$(times old2 %Y)" "$(times old %Y)"
	is '... and sends nothing twice' \
		"$(sync push old old2 | field '.files, .changed')" $'0\n0'
	rm -rf old2
	ok "old times: pull ($via)" sync pull old old2
	is '... keeps them' "$(times old2 %Y)" "$(times old %Y)"
	is '... and asks for nothing twice' \
		"$(sync pull old old2 | field '.files, .changed')" $'0\n0'
	rm -rf old2
done
unset BERTH_FILE_VIA
rm -rf old

# Where nothing is, all comes with the list; a pattern has it asked for by name.
mkdir -p first/a/b first/ro first/empty first/old "$HOME/outside"
for i in {1..50}; do echo "$i" >"first/a/f$i"; done
head -c 9000000 /dev/urandom >first/a/b/large
: >first/nothing
ln -s a/f1 first/link
ln -s ../nothing first/ro/up
ln -s "$HOME/outside" first/out
ln -s ../../x first/above
mkfifo first/fifo
chmod 700 first/a/f3
touch -d '2001-02-03 04:05:06.789' first/a/f4 first/a/b
touch -h -d '2002-03-04 05:06:07.891' first/link
touch -d '1960-01-02 03:04:05.678' first/a/f5 first/old
chmod 555 first/ro
touch -d '2003-04-05 06:07:08.912' first/ro first/empty
exactly() { # DIR
	(cd "$1" && find . -mindepth 1 -printf '%p %y%m %T@ %l\n' | LC_ALL=C sort)
}
for how in 'in one go' 'by name'; do
	more=''
	[ "$how" = 'in one go' ] || more='-x no-such-thing'
	# Neither what deletes nor what compares makes a difference.
	for with in '' --delete --checksum; do
		rm -rf got
		exits 1 "$how: a first pull $with skips some" \
			sync pull first got $more $with --jsonl
		sync pull first got $more --jsonl -n | jq -cS 'del(.seconds)' |
			LC_ALL=C sort >"$TMP/then"
		rm -rf got
		sync pull first got $more $with --jsonl | jq -cS 'del(.seconds)' |
			LC_ALL=C sort >"$TMP/steps.$how"
		ok "$how: ... and tells the same" \
			cmp "$TMP/steps.$how" "$TMP/steps.in one go"
		exactly got >"$TMP/got.$how"
		ok "$how: ... and brings the same" \
			cmp "$TMP/got.$how" "$TMP/got.in one go"
	done
	is "$how: what is skipped" "$(jq -r 'select(.type == "skip") | .path' \
		"$TMP/steps.$how" | xargs)" 'above out fifo'
	is "$how: what is counted" "$(jq -r 'select(.type == "end") |
		"\(.files) \(.skipped) \(.changed) \(.deleted) \(.unchanged)"' \
		"$TMP/steps.$how")" '54 3 0 0 0'
	is "$how: nothing is left to be done" "$(jq -r 'select(.type == "end") |
		"\(.files) \(.changed)"' "$TMP/then")" '0 0'
	rm -r got
	sync pull first got $more -n >/dev/null 2>&1
	ok "$how: a dry run makes nothing" test ! -e got
	ok "$how: no source" fails_with NOT_FOUND sync pull nowhere got $more
	ok "$how: a file is none" fails_with INVALID sync pull first/nothing got $more
	mkdir -p got/d
	sync pull first got $more --delete >/dev/null 2>&1
	ok "$how: into what is not empty" test ! -e got/d -a -e got/a/f1
done
chmod -R u+w . && rm -rf first got "$HOME/outside"

# Many.
mkdir many
(cd many && seq 10000 | split -l 1 -a 4)
for via in daemon sftp shell; do
	is "$via: ten thousand files are listed" "$(BERTH_FILE_VIA=$via \
		"$BERTH" file ls many | field '.entries | length')" 10000
done
is 'ten thousand files go up' "$(sync push many up | field .files)" 10000
is '... and come down' "$(sync pull up down | field .files)" 10000
ok '... the same' diff -r many down
rm -rf many up down

# kill -9 in the middle, of the client and of the daemon.
mkdir one
head -c 400000000 /dev/urandom >one/big
echo small >one/small
half() { # DIR
	local size
	size=$(find "$1" -name '.berth-*.part' -printf '%s\n' 2>/dev/null)
	[ "${size:-0}" -gt 20000000 ]
}
for who in client daemon; do
	rm -rf up
	"$BERTH" sync push one up >/dev/null 2>&1 &
	client=$!
	wait_for 20 half up
	if [ $who = client ]; then kill -9 $client; else kill_daemon; fi
	wait $client 2>/dev/null
	[ $who = client ] || start_daemon
	ok "$who killed: no half file has the name" test ! -e up/big
	answer=$(sync push one up)
	is "$who killed: the next run goes on" \
		"$(jq '.resumed_bytes>0' <<<"$answer")" true
	ok "$who killed: ... to the same" diff -r one up
	is "$who killed: nothing is left" "$(find up -name '.berth-*')" ''
done
rm -rf down
"$BERTH" sync pull one down >/dev/null 2>&1 &
client=$!
wait_for 20 half down
kill -9 $client
wait $client 2>/dev/null
is 'a pull goes on, too' "$(sync pull one down | jq '.resumed_bytes>0')" true
ok '... to the same' diff -r one down

# A file that shrinks while it is read is left out, and all else goes on.
mkdir less
echo small >less/small
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	[ $via != sftp ] || [ -x /usr/lib/openssh/sftp-server ] || continue
	for way in push pull; do
		[ $via$way != shellpush ] && [ $via$way != sftppush ] || continue
		rm -rf up
		truncate -s 1G less/big
		sync $way less up --jsonl >"$TMP/lines" 2>&1 &
		client=$!
		wait_for 20 half up
		truncate -s 100 less/big
		wait $client
		is "$via: $way: what shrinks is skipped by name" "$? $(
			jq -r 'select(.type == "skip") | .path + ": " + .reason' \
				"$TMP/lines")" '1 big: it changed while it was read'
		is "$via: $way: ... and all else is there" "$(cat up/small; ls up)" \
			$'small\nsmall'
		ok "$via: $way: ... and it with the next run" sync $way less up
		ok "$via: $way: ... as it is now" diff -r less up
		is "$via: $way: ... and nothing else" \
			"$(find up -name '.berth-*')" ''
	done
done
unset BERTH_FILE_VIA
rm -rf less up

# A file that changed since is not gone on with.
rm -rf up
"$BERTH" sync push one up >/dev/null 2>&1 &
client=$!
wait_for 20 half up
kill -9 $client
wait $client 2>/dev/null
echo short >one/big
ok 'what changed since is sent anew' sync push one up
ok '... whole' diff -r one up
is '... and leaves nothing' "$(find up -name '.berth-*')" ''

# The words of the other program.
mkdir seed
echo s >seed/s
ln -s "$BERTH" "$TMP/codex-remote"
ok 'the words of codex-remote' "$TMP/codex-remote" sync push \
	--machine local --src seed --dst "$HOME/work/seed2"
ok '... copy' diff -r seed seed2
stop_daemon
