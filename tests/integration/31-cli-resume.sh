#!/bin/bash
# Goal: a client follows an exec through any death of the daemon: every byte
# comes once, in every form, and input too.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
use_home h

# A writer that goes a step further each time it is told.
mkfifo gate
exec 8<>gate
cat >writer <<'SH'
for i in 1 2 3 4 5 6; do
	seq $((i * 1000 + 1)) $((i * 1000 + 1000))
	echo "step $i" >&2
	read x <gate || exit 9
done
exit 5
SH
for i in 1 2 3 4 5 6; do
	seq $((i * 1000 + 1)) $((i * 1000 + 1000))
done >wanted
printf 'step %d\n' 1 2 3 4 5 6 >wanted.err

# The daemon that serves now, killed as hard as it goes.
kill_it() {
	kill -KILL "$(jq .pid "$BERTH_HOME"/state/*/daemon.json)"
}

# six_steps FILE [PATTERN]: let the writer run to its end, killing the daemon
# before every step.  Each step is seen in FILE before the next.
six_steps() {
	local i
	for i in 1 2 3 4 5 6; do
		wait_for 20 file_has "$1" "${2:-step} $i"
		kill_it
		echo go >gate
	done
}

"$BERTH" run --raw -- sh "$TMP/writer" >out 2>err &
pid=$!
six_steps err
wait $pid
is 'the status comes through' $? 5
ok 'standard output is whole, and nothing is doubled' cmp out wanted
ok 'standard error, too' cmp err wanted.err

"$BERTH" run -- sh "$TMP/writer" >events &
pid=$!
six_steps events
wait $pid
is 'with events, too' $? 5
jq -r 'select(.stream == "stdout") | .line' events >out
ok 'each event comes once' cmp out wanted
is 'the start is told once' "$(grep -c '"type":"started"' events)" 1
is 'and the end' "$(grep -c '"type":"finished"' events)" 1

id=$("$BERTH" exec start -- sh "$TMP/writer" | jq -r .exec_id)
"$BERTH" logs -f "$id" >out 2>err &
pid=$!
six_steps err
wait $pid
is 'whoever follows is not disturbed' $? 0
ok 'by any of it' cmp out wanted

id=$("$BERTH" exec start -- sh "$TMP/writer" | jq -r .exec_id)
log=$(exec_dir "$id")/err
# It is in the file a moment before it has its place among the lines.
has_begun() { "$BERTH" logs "$id" 2>&1 | grep -q 'step 1'; }
wait_for 10 has_begun
"$BERTH" logs -f -n 2 "$id" >out 2>err &
pid=$!
wait_for 10 file_has err 'step 1'
six_steps "$log"
wait $pid
is 'a tail ends with the exec' "$? $(grep -v step err)" '0 '
is 'it begins at the end' "$(head -1 out)" 2000
is 'and stays one' "$(wc -l <out)" 5001

file_is_of() { [ "$(stat -c %s "$2")" -eq "$1" ]; }

# Input travels with offsets.
head -c 1500000 /dev/urandom >bytes
mkfifo input
"$BERTH" run --raw -i -- sh -c 'tee /dev/stderr | sha256sum' <input >sum 2>copy &
pid=$!
exec 7>input
for i in 0 1 2 3 4; do
	dd if=bytes bs=300000 skip=$i count=1 status=none >&7
	grown() { [ "$(stat -c %s copy)" -ge $((i * 300000 + 1)) ]; }
	wait_for 20 grown
	kill_it
done
exec 7>&-
wait $pid
is 'input is whole, and nothing is doubled' "$(<sum)" "$(sha256sum <bytes)"
ok 'its copy, too' cmp bytes copy

# A client that fed an exec is killed; the next one, with the same key, brings the
# same input from its beginning.
feeds() {
	"$BERTH" run --raw -i --key fed -- sh -c 'tee /dev/stderr | sha256sum' \
		>sum 2>copy
}
mkfifo half
feeds <half &
exec 7>half
head -c 700000 bytes >&7
wait_for 20 file_is_of 700000 copy
kill -KILL "$(pgrep -P $!)"
exec 7>&-
wait $!
feeds <bytes
is 'what another client gave is not given twice' "$(<sum)" \
	"$(sha256sum <bytes)"
ok 'and the next one shows all of it' cmp bytes copy

# A start whose answer is lost is asked for again, and happens once.
count() { "$BERTH" ps -q --label once=yes | wc -l; }
for i in 1 2 3 4 5; do
	"$BERTH" exec start --label once=yes -- true >started.$i &
	kill_it 2>/dev/null
	wait $!
done
is 'every start was answered' "$(cat started.* | jq -r .exec_id | sort -u | wc -l)" 5
is 'and happened once' "$(count)" 5
