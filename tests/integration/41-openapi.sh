#!/bin/bash
# Goal: docs/openapi.yaml is true: every operation and status in it happens, and
# nothing that is not in it.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs node tar tmux
[ -d "$ROOT/tests/peers/node_modules/ajv" ] ||
	skip_all 'its libraries are not installed (npm ci --prefix tests/peers)' ajv

listening() {
	sed -n 's/^listening on //p' "$BERTH_HOME/berthd.log" | tail -n 1
}

mkdir -p "$TMP/work" "$BERTH_HOME/config"
cat >"$BERTH_HOME/config/berthd.yaml" <<END
listen: 127.0.0.1:0
auth_token: "0123456789abcdef0123456789abcdef"
allowed_cwd_roots: [$TMP/work]
max_file_size: 1M
END
chmod 600 "$BERTH_HOME/config/berthd.yaml"
start_daemon
points node "$ROOT/tests/peers/openapi-check.mjs" \
	"$BERTH_HOME/run/berthd.sock" "http://$(listening)" \
	0123456789abcdef0123456789abcdef "$TMP/work"
