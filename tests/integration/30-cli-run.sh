#!/bin/bash
# Goal: `berth run' stands in for the command it runs: its bytes, its status,
# its input; and `exec start' leaves a handle on it.  The daemon comes by itself.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
use_home h

# status STATUS WHAT ARGUMENT...: the exit status of a run.
status() {
	exits "$1" "$2" "$BERTH" run --raw "${@:3}"
}

# --- a stand-in -----------------------------------------------------------

is 'a command runs, and nothing had to be started' \
	"$("$BERTH" run --raw -- echo hello)" hello
"$BERTH" run --raw -- sh -c 'echo out; echo err >&2' >out 2>err
is 'standard output is ours' "$(<out)" out
is 'standard error is ours' "$(<err)" err
head -c 3000000 /dev/urandom >bytes
"$BERTH" run --raw -- cat bytes >copy
ok 'every byte is as it was written' cmp bytes copy

status 0 'success' -- true
status 7 'a status of its own' -- sh -c 'exit 7'
status 143 'a signal' -- sh -c 'kill -TERM $$'
status 124 'a time that was over' --timeout 200ms -- tail -f /dev/null
status 127 'a program that is not there' -- /no/such/program
status 126 'a directory that is not there' -C /no/such/dir -- true
like 'its reason is told' "$("$BERTH" run --raw -- /no/such/program 2>&1)" \
	'^berth: .*(command )?not found|No such file'
like 'a line for the shell is recognised' \
	"$("$BERTH" run --raw -- 'echo hi' 2>&1)" 'run with --cmd'

like 'a way out of a directory that is not there is told' \
	"$("$BERTH" run --raw -C /no/such/dir -- true 2>&1)" '--cwd DIR runs it'

# --- what is run, and where -------------------------------------------------

mkdir -p 'a dir'
cd 'a dir' || exit 99
is 'it runs where it was typed' "$("$BERTH" run --raw pwd)" "$TMP/a dir"
is 'or where it is told' "$("$BERTH" run --raw -C .. pwd)" "$TMP"
cd "$TMP" || exit 99
is 'words stay words' \
	"$("$BERTH" run --raw -- printf '<%s>' 'a b' '$HOME' '*' '')" \
	'<a b><$HOME><*><>'
is 'options end where the command begins' \
	"$("$BERTH" run --raw printf '%s ' --json -q)" '--json -q '
is 'a line goes through the shell' \
	"$("$BERTH" run --raw -c 'printf %s a | tr a b; echo $((1+1))')" b2
is 'variables are set and copied' \
	"$(COPIED=here "$BERTH" run --raw -e SET='a=b c' -e COPIED \
		-c 'echo "$SET $COPIED"')" 'a=b c here'
printf '#!/bin/bash\necho "$# $1"; [[ x == x ]] && exit 9\n' >script
"$BERTH" run --raw --script script -- 'one two' three >out
is 'a script is sent and run' "$? $(<out)" '9 2 one two'
is 'it may come from a pipe' "$("$BERTH" run --raw --script - <script)" '0 '

# --- input ------------------------------------------------------------------

is 'without -i there is no input' "$(echo lost | "$BERTH" run --raw cat)" ''
"$BERTH" run --raw -i -- cat <bytes >copy
ok 'a file goes through' cmp bytes copy
cat bytes | "$BERTH" run --raw -i -- sha256sum >sum
is 'a pipe goes through, with its end' "$(<sum)" "$(sha256sum <bytes)"
is 'input that nobody reads is no failure' \
	"$(yes | "$BERTH" run --raw -i -- echo done 2>&1)" done

# --- events -----------------------------------------------------------------

"$BERTH" run -- sh -c 'echo one; printf "\377"; exit 3' >events
is 'events keep the status' $? 3
is 'each line is JSON' "$(jq -r .type events | tr '\n' ' ')" \
	'started log log finished '
is 'lines are told apart' \
	"$(jq -r 'select(.type == "log") | .line' events | head -1)" one
is 'what is not text is told exactly' \
	"$(jq -r 'select(.bytes) | .bytes' events | base64 -d | od -An -tx1)" \
	' ff'
is 'the end is told' \
	"$(jq -r 'select(.type == "finished") | .exit_code' events)" 3

# --- leaving ----------------------------------------------------------------

is 'a reader who leaves takes the command along' \
	"$("$BERTH" run --raw yes | head -1)" y
id=$("$BERTH" ps -q | head -1)
wait_for 10 exec_is signalled "$id"
is 'as a pipe would' "$("$BERTH" exec result "$id" | jq -r .signal)" SIGPIPE

mkfifo gate
exec 8<>gate
"$BERTH" run --raw -- sh -c 'echo begun; read x <gate; echo ended' >out 2>err &
pid=$!
wait_for 10 file_has out begun
kill -TERM $pid
wait $pid
is 'a client that is ended says so' $? 143
like 'and how to go on' "$(<err)" "goes on; 'berth logs -f [0-9a-z]{26}'"
echo go >gate
is 'the command went on' "$("$BERTH" exec wait last | jq -r .state)" exited
is 'and nothing is lost' "$("$BERTH" logs last)" $'begun\nended'

# --- handles ----------------------------------------------------------------

id=$("$BERTH" exec start -- sh -c "$HANG" | jq -r .exec_id)
like 'a start gives an id' "$id" '^[0-9a-z]{26}$'
is 'a run can be left at once' "$("$BERTH" run -d -- true | jq -r .machine)" \
	local
is 'and ends by itself' "$("$BERTH" exec wait last | jq -r .state)" exited
is 'the other is listed' "$("$BERTH" ps -q --running)" "$id"
exits 124 'waiting has its end' "$BERTH" exec wait --timeout 100ms "$id"
ok 'it is cancelled' "$BERTH" exec cancel "$id"
is 'and says so' "$("$BERTH" exec result "$id" | jq -r .state)" cancelled
exits 143 'waiting gives its status' "$BERTH" exec wait "$id"
ok 'it is removed' "$BERTH" exec rm "$id"
exits 125 'and gone' "$BERTH" exec result "$id"

# A key makes a repetition harmless.
a=$("$BERTH" exec start --key once -- true | jq -r .exec_id)
b=$("$BERTH" exec start --key once -- true | jq -r '"\(.exec_id) \(.existing)"')
is 'the same key is the same exec' "$b" "$a true"
exits 125 'the same key cannot be another' \
	"$BERTH" exec start --key once -- false

# Errors are for people, or for programs.
like 'an unknown machine is told' "$("$BERTH" run -m gpu1 true 2>&1)" \
	'no machine "gpu1"'
is 'errors are JSON where JSON is asked for' \
	"$("$BERTH" exec result --json none | jq -r .error.code)" NOT_FOUND
BERTHD=/no/such/berthd BERTH_HOME=$TMP/elsewhere \
	"$BERTH" run true >out 2>err
is 'a daemon that is missing is a failure of ours' $? 125
like 'and named' "$(<err)" '/no/such/berthd'
