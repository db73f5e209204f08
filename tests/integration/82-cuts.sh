#!/bin/bash
# Goal: however and whenever the way to a machine is cut, no byte of an exec is
# lost or doubled, none runs twice, every end is true, and nothing is left.
# Waits: for what was cut
# Timeout: 240
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"
. "$ROOT/tests/faults/drive.sh"

mkdir -p "$BERTH_HOME/config"
cat >"$BERTH_HOME/config/config.yaml" <<YAML
defaults: {keep_alive: 1s, retry: {first: 50ms, max: 500ms, limit: 1000}}
YAML
use_home "${BERTH_HOME#"$TMP"/}"
export BERTH_BERTHD_DIR=$BUILD/src/berthd

# Reached by the relays of the driver only.
servers=()
for name in one two three; do
	sshd_start "$name" "SetEnv BERTH_HOME=$TMP/$name"
	echo "$name $(cut -d' ' -f1,2 "$SSHD/$name/host_key.pub")" \
		>>"$SSHD/known_hosts"
	servers+=("$name:${SSHD_PORT[$name]}:${SSHD_PID[$name]}")
	cleanup_at_exit T_stop_home "$TMP/$name"
done
: >"$TMP/hosts"
echo "Include $TMP/hosts" | cat - "$BERTH_SSH_CONFIG" >"$TMP/ssh_config"
export BERTH_SSH_CONFIG=$TMP/ssh_config

drive cuts "${servers[@]}"
