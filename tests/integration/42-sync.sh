#!/bin/bash
# Goal: trees go up and down whole, in any dialect of tar, without filling the
# daemon's memory, and what is cut off leaves no half file.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs tar gzip git

mkdir -p "$BERTH_HOME/config" "$HOME/tree" "$HOME/out"
start_daemon

upload() { # DST [CURL-ARGUMENT...]
	api POST "/v1/sync/upload?dst=$1&mkdir_p=true" "${@:2}"
}
download() { # PATH
	api POST /v1/sync/download -d "{\"path\":\"$1\"}"
}
fields() { # JSON FILTER
	jq -r "$2" <<<"$1"
}
peak_kb() {
	awk '/^VmHWM/ { print $2 }' "/proc/$DAEMON_PID/status"
}

# A tree with everything in it that a tree can have.
long=$(printf 'long-name-%.0s' {1..18})
mkdir -p "$HOME/tree/a/b/$long/$long" "$HOME/tree/empty"
echo text >"$HOME/tree/a/text"
head -c 3000000 /dev/urandom >"$HOME/tree/a/noise"
: >"$HOME/tree/nothing"
echo deep >"$HOME/tree/a/b/$long/$long/file"
printf 'x' >"$HOME/tree/with space, \"quotes\", ü and "$'\n''newline'
ln -s a/text "$HOME/tree/link"
ln -s ../text "$HOME/tree/a/b/up"
ln "$HOME/tree/a/text" "$HOME/tree/hard"
chmod 755 "$HOME/tree/a/text"
chmod 600 "$HOME/tree/nothing"

for format in gnu oldgnu pax posix; do
	tar -C "$HOME/tree" --format=$format -czf "$TMP/$format.tgz" .
	answer=$(upload "$HOME/out/$format" --data-binary "@$TMP/$format.tgz")
	is "$format: answered" "$(fields "$answer" .files_written)" 8
	ok "$format: the same tree" diff -r --no-dereference \
		"$HOME/tree" "$HOME/out/$format"
	is "$format: modes" "$(stat -c %a "$HOME/out/$format/"{a/text,nothing} | xargs)" \
		'755 600'
done

download "$HOME/tree" >"$TMP/down.tgz"
ok 'gzip finds the download whole' gzip -t "$TMP/down.tgz"
mkdir "$TMP/down"
ok 'tar unpacks it' tar -C "$TMP/down" -xzf "$TMP/down.tgz"
ok '... to the same tree' diff -r --no-dereference "$HOME/tree" "$TMP/down"
like 'git unpacks what git packed' "$(
	git init -q "$TMP/repo"
	echo x >"$TMP/repo/f"
	git -C "$TMP/repo" add f
	git -C "$TMP/repo" -c user.name=t -c user.email=t@localhost \
		commit -qm c
	git -C "$TMP/repo" archive --format=tar.gz HEAD >"$TMP/git.tgz"
	upload "$HOME/out/git" --data-binary "@$TMP/git.tgz"
)" '"files_written":1'

# Memory: 128 MB each way, fast and slow.
mkdir "$HOME/large"
head -c 134217728 /dev/urandom >"$HOME/large/file"
download "$HOME/large" >"$TMP/large.tgz"
answer=$(upload "$HOME/out/large" -T "$TMP/large.tgz")
is 'a large file goes up' "$(fields "$answer" .files_written)" 1
ok '... the same' cmp "$HOME/large/file" "$HOME/out/large/file"
answer=$(upload "$HOME/out/slow" -T "$TMP/down.tgz" --limit-rate 1M)
is 'a slow one goes up' "$(fields "$answer" .files_written)" 8
is_sanitized || ok 'the daemon stays small' [ "$(peak_kb)" -lt 20000 ]
note "peak: $(peak_kb) kB"

# Cut off: by the client, and by kill -9.
half=$(($(stat -c %s "$TMP/large.tgz") / 2))
head -c $half "$TMP/large.tgz" |
	upload "$HOME/out/half" -T - >"$TMP/half.json"
like 'half an archive is refused' "$(<"$TMP/half.json")" 'unexpected EOF'
is '... and leaves nothing' "$(ls -A "$HOME/out/half")" ''

mkfifo "$TMP/pipe"
upload "$HOME/out/killed" -T "$TMP/pipe" >"$TMP/killed.json" 2>&1 &
client=$!
exec 3>"$TMP/pipe"
head -c $half "$TMP/large.tgz" >&3
has_grown() {
	[ "$(du -sk "$HOME/out/killed" 2>/dev/null | cut -f1)" -gt 10000 ]
}
wait_for 20 has_grown
kill_daemon
exec 3>&-
wait "$client"
is 'a killed daemon leaves no file under its name' \
	"$(find "$HOME/out/killed" -name file)" ''

# Who asks first is answered first.
start_daemon
answer=$(curl -sS -o /dev/null -w '%{http_code} %{size_upload}' -X POST \
	-H 'Expect: 100-continue' --expect100-timeout 20 \
	--unix-socket "$BERTH_HOME/run/berthd.sock" \
	-T "$TMP/large.tgz" "http://localhost/v1/sync/upload?dst=/etc/x")
is 'what is not allowed is not sent' "$answer" '403 0'
answer=$(api_status POST '/v1/sync/upload?dst=/etc/x' -H Expect: -T "$TMP/large.tgz")
is '... and is told to who sends it all the same' "$answer" 403

# A reader that goes away ends the work for it.
api POST /v1/sync/download -d "{\"path\":\"$HOME/large\"}" --max-time 0.2 \
	>/dev/null 2>&1
is 'a download can be broken off' "$(api_status GET /health)" 200
stop_daemon
