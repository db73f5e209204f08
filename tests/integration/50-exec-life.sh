#!/bin/bash
# Goal: an exec does what was asked, ends as it says, and is steered by its
# routes; every way of starting and ending is walked once.
# Timeout: 90
. "$(dirname "$0")/../lib.sh"
needs git

mkdir -p "$BERTH_HOME/config"
git init -q -b main "$TMP/repo"
echo one >"$TMP/repo/file"
git -C "$TMP/repo" add file
git -C "$TMP/repo" -c user.name=t -c user.email=t@localhost commit -qm one
cat >"$BERTH_HOME/config/berthd.yaml" <<YAML
projects:
  - id: p
    repo_url: $TMP/repo
YAML
start_daemon

# start BODY: the id of a new exec.
start() {
	api POST /v1/exec -d "$1" | jq -r '.exec_id // .'
}

# ended BODY: one line about the end of a new exec.
ended() {
	api GET "/v1/exec/$(start "$1")?wait=20" |
		jq -r '"\(.state) \(.exit_code) \(.error)"'
}

out() {
	api GET "/v1/exec/$1/logs?full=true&format=raw&stream=${2:-stdout}"
}

is 'a status' "$(ended '{"cmd":"exit 3"}')" 'exited 3 exit status 3'
is 'a signal' "$(ended '{"cmd":"kill -KILL $$"}')" \
	'signalled 137 killed by SIGKILL'
is 'no such program' "$(ended '{"argv":["no-such-program"]}')" \
	'failed 127 no-such-program: command not found'
like 'no such directory' "$(ended '{"cmd":"true","cwd":"/no/such"}')" \
	'^failed 126 working directory /no/such: No such file'
is 'a deadline' \
	"$(ended '{"cmd":"trap \"\" TERM; tail -f /dev/null & wait","timeout":0.2,"grace":"100ms"}')" \
	'timeout 124 timed out after 0.200 s'
is 'a script' "$(ended '{"script":"exit $1","script_args":["4"]}')" \
	'exited 4 exit status 4'
is 'a script of its own interpreter' \
	"$(ended '{"script":"#!/bin/bash\n[[ a == a ]] && exit 5"}')" \
	'exited 5 exit status 5'
is 'an address space that is limited' \
	"$(ended '{"argv":["bash","-c","x=$(head -c 300M /dev/zero | tr \"\\\\0\" a)"],"limit_memory":"64M"}' |
		cut -d' ' -f1)" exited

# Output, by stream.
id=$(start '{"cmd":"echo out; echo err >&2; printf rest"}')
api GET "/v1/exec/$id?wait=20" >/dev/null
is 'its output' "$(out "$id")" $'out\nrest'
is 'its errors' "$(out "$id" stderr)" err

# Input, in pieces and with its end.
id=$(start '{"argv":["cat"],"stdin":true}')
head -c 300000 /dev/urandom >"$TMP/input"
head -c 1000 "$TMP/input" >"$TMP/first"
is 'input is taken' "$(api POST "/v1/exec/$id/stdin" --data-binary \
	@"$TMP/first" | jq -r .offset)" 1000
is 'a repeated piece is skipped' "$(api POST "/v1/exec/$id/stdin?offset=0&eof=true" \
	--data-binary @"$TMP/input" | jq -r .offset)" 300000
api GET "/v1/exec/$id?wait=20" >/dev/null
out "$id" >"$TMP/copy"
ok 'and comes out as it went in' cmp "$TMP/input" "$TMP/copy"
is 'a hole is refused' "$(api_status POST "/v1/exec/$(start \
	'{"argv":["cat"],"stdin":true}')/stdin?offset=9" -d x)" 409

# A request is cut off while a piece of it is with the holder; the next one brings
# the same bytes again, and is told of that piece when it has brought less.
mkfifo "$TMP/gate" "$TMP/body"
head -c 200000 /dev/urandom >"$TMP/bytes"
id=$(start '{"argv":["sh","-c","read -r _ <\"$0\"; exec sha256sum","'"$TMP/gate"'"],
	"stdin":true}')
pid=$(api GET "/v1/exec/$id" | jq .pid)
pipe_is_full() {
	api POST "/v1/exec/$id/stdin?offset=0" --data-binary @"$TMP/bytes" \
		--max-time 1 >/dev/null 2>&1
	at=$(api POST "/v1/exec/$id/stdin?offset=0" | jq .offset)
	[ "$at" -gt 60000 ]
}
ok 'input stops where a pipe is full' wait_for 20 pipe_is_full
api POST "/v1/exec/$id/stdin?offset=$at&eof=true" -T - \
	--trace-ascii "$TMP/trace" <"$TMP/body" >/dev/null &
pid_of_curl=$!
exec 7>"$TMP/body"
tail -c "+$((at + 1))" "$TMP/bytes" | head -c 100 >&7
wait_for 10 grep -q 'Send data' "$TMP/trace"
echo >"$TMP/gate"
has_read_the_piece() {
	[ "$(awk '/^rchar/ { print $2 }' "/proc/$pid/io")" -gt $((at + 32768)) ]
}
wait_for 10 has_read_the_piece
tail -c "+$((at + 101))" "$TMP/bytes" >&7
exec 7>&-
wait $pid_of_curl
wait_for 10 exec_is exited "$id"
is '... and no byte of it is doubled' "$(api GET "/v1/exec/$id/logs?full=true")" \
	"$(sha256sum <"$TMP/bytes")"

# A terminal.
id=$(start '{"cmd":"stty size; read x; stty size","tty":true,"cols":101,"rows":33}')
wait_for 10 file_has "$(exec_dir "$id")/out" '33 101'
is 'a terminal is resized' "$(api POST "/v1/exec/$id/resize" \
	-d '{"cols":90,"rows":20}' | jq .ok)" true
api POST "/v1/exec/$id/stdin" --data-binary $'\n' >/dev/null
api GET "/v1/exec/$id?wait=20" >/dev/null
like 'and the command sees it' "$(out "$id")" '20 90'

# Signals and cancelling; what hid in sessions of its own goes too.
id=$(start '{"cmd":"trap \"echo got; exit 7\" INT; echo ready; while :; do wait; tail -f /dev/null & wait; done"}')
wait_for 10 file_has "$(exec_dir "$id")/out" ready
api POST "/v1/exec/$id/signal" -d '{"signal":"INT"}' >/dev/null
is 'a signal arrives' "$(api GET "/v1/exec/$id?wait=20" | jq .exit_code)" 7
is 'cancelling ends what it left behind' \
	"$(api POST "/v1/exec/$id/cancel" | jq .canceled)" true
id=$(start "{\"cmd\":\"setsid tail -f $TMP/input >/dev/null & setsid sh -c 'tail -f $TMP/first' >/dev/null & tail -f /dev/null\"}")
wait_for 10 pgrep -f "tail -f $TMP/first"
is 'cancelling says so' "$(api POST "/v1/exec/$id/cancel" | jq .canceled)" true
is 'it ended by that' "$(api GET "/v1/exec/$id" | jq -r .state)" cancelled
fails 'nothing of its tree is left' pgrep -f "tail -f $TMP/"
is 'an ended one cannot be cancelled' \
	"$(api POST "/v1/exec/$id/cancel" | jq .canceled)" false

# Background children keep the output open, and the holder stays for them.
id=$(start "{\"cmd\":\"(until [ -e $TMP/go ]; do read -t 0.05 x; done; echo late) </dev/zero & echo early\"}")
is 'the exec ends with its command' "$(api GET "/v1/exec/$id?wait=20" |
	jq -c '[.state,.output_open]')" '["exited",true]'
is 'and cannot be removed yet' "$(api_status DELETE "/v1/exec/$id")" 409
touch "$TMP/go"
closed() { [ "$(api GET "/v1/exec/$id" | jq .output_open)" = false ]; }
ok 'the last child lets go' wait_for 10 closed
is 'what it said is kept' "$(out "$id")" $'early\nlate'
is 'then it can be removed' "$(api_status DELETE "/v1/exec/$id")" 200
is 'and is gone' "$(api_status GET "/v1/exec/$id")" 404

# Keys.
first=$(api POST /v1/exec -d '{"cmd":"true","key":"k"}')
again=$(api POST /v1/exec -d '{"cmd":"true","key":"k"}')
is 'a key starts once' "$(jq -r .exec_id <<<"$again")" \
	"$(jq -r .exec_id <<<"$first")"
is 'and says so' "$(jq -c '.existing' <<<"$first$again" | tr '\n' ' ')" \
	'false true '
is 'a key of another request is refused' \
	"$(api_status POST /v1/exec -d '{"cmd":"false","key":"k"}')" 409

# The environment.
id=$(start '{"cmd":"env","env":{"LD_PRELOAD":"/x","MY_TOKEN":"hidden-value","PLAIN":"seen"}}')
result=$(api GET "/v1/exec/$id?wait=20")
like 'the command gets its environment' "$(out "$id")" 'MY_TOKEN=hidden-value'
unlike 'but not what would bend it' "$(out "$id")" LD_PRELOAD
like 'and the result says so' "$(jq -r .warning <<<"$result")" LD_PRELOAD
is 'secrets are masked' "$(jq -c '[.env.MY_TOKEN,.env.PLAIN]' <<<"$result")" \
	'["***","seen"]'
rm "$BERTH_HOME"/state/*/exec/"$id"/out
fails 'also on disk' grep -rq hidden-value "$BERTH_HOME"

# Projects and artifacts.
id=$(start '{"cmd":"cat file; mkdir -p a/b; echo x >a/b/c.xml; echo y >d.txt","project_id":"p","ref":"main","artifacts":["a/**"]}')
result=$(api GET "/v1/exec/$id?wait=30")
is 'a checkout runs' "$(out "$id")" one
is 'its artifacts are listed' "$(jq -c .artifacts <<<"$result")" \
	'[{"path":"a/b/c.xml","size":2}]'
is 'and outlive the checkout' \
	"$(api GET "/v1/exec/$id/artifact?path=a/b/c.xml")" x
is 'nothing else is an artifact' "$(api_status GET \
	"/v1/exec/$id/artifact?path=../spec.json")" 403
fails 'the worktree is removed' test -e "$(jq -r .cwd <<<"$result")"
is 'a ref that is not there' \
	"$(ended '{"cmd":"true","project_id":"p","ref":"nope"}' | cut -d' ' -f1,2)" \
	'failed 127'
is 'an option is no ref' \
	"$(ended '{"cmd":"true","project_id":"p","ref":"--upload-pack=x"}' |
		cut -d' ' -f1,2)" 'failed 127'

# Bad requests, each with a word about what is wrong.
bad() {
	like "refused: $1" "$(api POST /v1/exec -d "$1" | jq -r .message)" "$2"
}
bad '{}' 'cmd is required'
bad '{"cmd":"true","argv":["true"]}' 'only one of'
bad '{"cmd":"true","timout":1}' 'timout: unknown name'
bad '{"cmd":"true","cols":0,"tty":true}' 'cols: 0 is not between'
bad '{"cmd":' 'not JSON'
is 'an unknown path' "$(api_status GET /v1/nothing)" 404
is 'a method it has not' "$(api_status DELETE /v1/exec)" 405
is 'an unknown parameter' "$(api_status GET '/v1/exec?colour=red')" 400

# A holder whose exec is over is given the next one, and is killed before it has
# begun: whoever asked is answered by another.
killed_before_it_began() {
	local holder i

	for i in {1..20}; do
		id=$(start '{"cmd":"true"}')
		api GET "/v1/exec/$id?wait=20" >/dev/null
		holder=$(tail -n 1 "$(exec_dir "$id")/state.json" | jq .holder_pid)
		kill -STOP "$holder" || continue
		"$BERTH" exec "$@" -- echo here >"$TMP/here" 2>&1 &
		wait_for 10 waits_or_ends $!
		# It had waited too long, and the order went to a new one.
		kill -0 $! && break
		kill -KILL "$holder"
	done
	[ ! -s "$TMP/here" ] || return
	kill -KILL "$holder"
	wait $!
}
waits_or_ends() {
	! kill -0 "$1" || api GET /metrics | grep -q '"starting"} 1'
}
ok 'a run whose holder is killed before it begins is run by another' \
	killed_before_it_began run --raw
is '... once' "$(cat "$TMP/here")" here
ok 'so is a start' killed_before_it_began start

# A new daemon finds all of it.
count=$(api GET '/v1/exec?limit=0' | jq '.execs | length')
kill_daemon
start_daemon
is 'a new daemon has them all' \
	"$(api GET '/v1/exec?limit=0' | jq '.execs | length')" "$count"
like 'it tells about itself' "$(api GET /metrics)" 'berth_jobs\{state="exited"\} [1-9]'
ok 'and is fit' "$BERTHD" health
