# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# A command on a machine that counts, as far as it is told to: output that is
# under way for as long as a test wants, and known to the byte.  Sourced after
# lib.sh.
#
#	paced_start NAME MAX STEP	count to MAX, STEP at a time, at NAME
#	paced_on N			N more steps
#	paced_wait			take its end; the status is the client's
#	paced_is_whole			every number has come, once
#
# An event to wait for: has_lines N.  The client is $PACED, its output is in
# $TMP/out, what it says in $TMP/err.  Its input is descriptor 7.

PACED_MAX=
PACED=

paced_start() {
	# shellcheck disable=SC2016
	local count='i=0; while [ $i -lt "$1" ]; do i=$((i+1)); echo $i;
		[ $((i % $2)) -gt 0 ] || read -r x; done'
	PACED_MAX=$2
	[ -e "$TMP/pace" ] || mkfifo "$TMP/pace"
	: >"$TMP/out"
	"$BERTH" run -m "$1" --raw --stdin -- sh -c "$count" - "$2" "$3" \
		<"$TMP/pace" >"$TMP/out" 2>"$TMP/err" &
	PACED=$!
	exec 7>"$TMP/pace"
}

paced_on() {
	local i
	for ((i = 0; i < $1; i++)); do echo >&7; done
}

paced_wait() {
	exec 7>&-
	wait "$PACED"
}

paced_is_whole() { seq "$PACED_MAX" | cmp "$TMP/out" -; }
has_lines() { [ "$(wc -l <"$TMP/out")" -ge "$1" ]; }
