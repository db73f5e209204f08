#!/bin/bash
# Goal: clients of codexd work unchanged: called as codexd, the daemon reads
# codexd's configuration, listens where it did, and answers as it did.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs node git tar

# The name decides whose habits it has.
mkdir -p "$TMP/bin" "$TMP/work"
ln -s "$BERTHD" "$TMP/bin/codexd"
BERTHD=$TMP/bin/codexd
config=$HOME/.config/codexd/config.yaml

listening() {
	sed -n 's/^listening on //p' "$BERTH_HOME/berthd.log" | tail -n 1
}

# A first start leaves a configuration behind.  Its port may be taken here.
"$BERTHD" serve --listen 127.0.0.1:0 >"$TMP/first.log" 2>&1 &
first=$!
wait_for 10 file_has "$TMP/first.log" 'listening on'
kill "$first"
wait "$first"
ok 'a first start makes a configuration' test -f "$config"
like '... and says so' "$(cat "$TMP/first.log")" "created default config: $config"
is '... which is nobody else'\''s' "$(stat -c %a "$config")" 600

# A repository for project_id and ref.
git init -q "$TMP/repo"
mkdir "$TMP/repo/sub"
echo 'note of the project' >"$TMP/repo/sub/note"
git -C "$TMP/repo" add .
git -C "$TMP/repo" -c user.name=t -c user.email=t@localhost commit -qm first

cat >"$config" <<END
listen: 127.0.0.1:0
data_dir: ~/.codexd
retention_count: 500
auth_token: "a token of sixteen or more"
END
fails 'a token that no header can hold is refused' "$BERTHD" serve
like '... with its line' "$(cat "$TMP/.out")" 'config.yaml:4: auth_token: '

cat >"$config" <<END
listen: 127.0.0.1:0
data_dir: ~/.codexd
retention_count: 500
auth_token: "0123456789abcdef0123456789abcdef"
allowed_cwd_roots:
  - $TMP/work
max_file_size: 1048576
projects:
  - id: example
    repo_url: $TMP/repo
END
start_daemon
points node "$ROOT/tests/peers/codexd-client.mjs" "http://$(listening)" \
	0123456789abcdef0123456789abcdef "$TMP/work" example
stop_daemon
