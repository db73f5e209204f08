#!/bin/bash
# Goal: a log is read by bytes, lines, time and pattern as it was written, and a
# cap that eats it under a slow reader leaves a gap, never wrong bytes.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
start_daemon

start() {
	api POST /v1/exec -d "$1" | jq -r .exec_id
}

# logs QUERY [CURL-ARGUMENT...]
logs() {
	api GET "/v1/exec/$id/logs?$1" "${@:2}"
}

# heads QUERY: what the answer says above its body.
heads() {
	logs "$1" -o /dev/null -D -
}

mkfifo gate
id=$(start "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"seq 1 1000; echo first >&2; read go <\"$1\"; seq 1001 2000; echo second >&2",
	"sh", $gate]}')")
curl -sSN --unix-socket "$BERTH_HOME/run/berthd.sock" \
	"http://localhost/v1/exec/$id/logs?format=raw&stream=both&follow=true" >followed &
follower=$!
ok 'a follower has what there is' wait_for 10 file_has followed first
like 'the answer says that it runs' "$(heads format=raw)" 'Berth-Exec-Status: running'
echo go >gate
api GET "/v1/exec/$id?wait=20" >/dev/null
ok 'a follower ends with the exec' wait_for 10 is_gone $follower
{ seq 1 1000; echo first; seq 1001 2000; echo second; } >whole
ok 'and had both streams in order' cmp whole followed

# Bytes and lines.
seq 1 2000 >out
is 'the last lines' "$(logs tail_lines=2)" $'1999\n2000'
is 'the first lines' "$(logs head_lines=2)" $'1\n2'
is 'the last bytes, as whole lines' "$(logs tail=12)" $'1999\n2000'
is 'the first bytes, as whole lines' "$(logs head=5)" $'1\n2'
at=0
while size=$(logs "format=raw&offset=$at&max_bytes=1000" | tee -a pages | wc -c) &&
	[ "$size" -gt 0 ]; do
	at=$((at + size))
done
ok 'page by page' cmp out pages
is 'lines that match' "$(logs 'grep=99&head=500&stream=stdout')" 99
is 'lines of an expression' "$(logs 'grep_re=%5E19%5B0-9%5D%7B2%7D%24' | wc -l)" 100
is 'a bad expression is refused' \
	"$(api_status GET "/v1/exec/$id/logs?grep_re=%28")" 400

# Time, of each byte's arrival.
moment=$(logs 'stream=stderr&format=jsonl&full=true' |
	jq -r 'select(.line == "second").time')
is 'since a moment' "$(logs "stream=stderr&since=$moment")" second
is 'until a moment' "$(logs "until=$(logs 'format=jsonl&head_lines=1' |
	jq -r .time)&format=raw" | head -n 1)" 1
is 'a minute ago nothing was said' "$(logs 'until=1m')" ''

# A cap: line N stands at byte 8 * N, whatever is dropped before it.
id=$(start "$(jq -n --arg gate "$TMP/gate" '{argv: ["sh", "-c",
	"echo 0000000; read go <\"$1\"; seq -f %07.0f 1 4000000", "sh", $gate],
	limit_output: "8M"}')")
wait_for 10 eval "logs '' | grep -q 0000000"
mkfifo later
for format in jsonl raw; do
	# Nobody reads the pipe before the exec has ended.
	curl -sSN --unix-socket "$BERTH_HOME/run/berthd.sock" \
		"http://localhost/v1/exec/$id/logs?full=true&format=$format&follow=true" |
		{ head -n 1; cat later >/dev/null; cat; } >"slow.$format" &
done
wait_for 10 eval 'grep -q . slow.jsonl && grep -q . slow.raw'
echo go >gate
api GET "/v1/exec/$id?wait=60" >/dev/null
: >later
wait_for 60 eval 'tail -n 1 slow.jsonl | grep -q finished'
like 'a slow reader is told of a gap' "$(grep -m 1 '"gap"' slow.jsonl)" \
	'"stream":"stdout","offset":[0-9]+,"length":[0-9]+,"reason":"dropped"'
wrong() {
	sed -n 's/.*"line":"\([0-9]\{7\}\)","offset":\([0-9]*\),.*/\1 \2/p' \
		slow.jsonl | awk '$1 * 8 != $2' | head -n 5
}
is 'every line stands where it was written' "$(wrong)" ''
is 'no byte is made up' "$(tr -d '0-9\n' <slow.raw | wc -c)" 0
is 'the last line is there' "$(logs tail_lines=1)" 4000000
like 'the header names the gap' "$(heads format=raw)" \
	'Berth-Gaps: [0-9]+-[0-9]+\(dropped\)'
