#!/bin/bash
# Goal: a disk that fills up, here or there, is named as the reason; no half file
# has a name, and with room again the next run goes on to the end.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs jq
needs_root

mkdir -p "$BERTH_HOME/config" "$HOME/work"
export BERTHD BERTH_OUTPUT=json
start_daemon
cd "$HOME/work" || exit 99

mkdir -p src/large src/small full
mount -t tmpfs -o size=12m,mode=755 none full 2>"$TMP/mount" ||
	skip_all "cannot mount a tmpfs: $(cat "$TMP/mount")" mount
unmount() { wait_for 5 umount "$HOME/work/full"; }
T_cleanup+=(unmount)
room() { # SIZE
	mount -o "remount,size=$1" full
}
head -c 14000000 /dev/urandom >src/large/big
for i in {1..24}; do head -c 600000 /dev/urandom >"src/small/f$i"; done

reason() {
	cat "$TMP/answer" "$TMP/err" | grep "^{" | jq -r .error.message
}

# whole_or_none FROM: each file that has its name is as it should be.
whole_or_none() {
	local f
	(cd full/t && find . -type f ! -name '.berth-*') | while read -r f; do
		cmp "$1/$f" "full/t/$f" || return 1
	done
}
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	[ $via != sftp ] || [ -x /usr/lib/openssh/sftp-server ] || continue
	for way in push pull; do
		for what in large small; do
			room 12m
			"$BERTH" sync $way src/$what full/t >"$TMP/answer" 2>"$TMP/err"
			like "$via: $way: $what files fill the disk: it is said" \
				"$? $(reason)" \
				'^[1-9][0-9]* .*[Nn]o space left'
			ok "$via: $way: ... each file is whole or not there" \
				whole_or_none src/$what
			room 80m
			answer=$("$BERTH" sync $way src/$what full/t)
			is "$via: $way: with room again it goes to its end" $? 0
			[ $what = small ] ||
				is "$via: $way: ... and on from where it was" \
					"$(jq '.resumed_bytes > 0' <<<"$answer")" true
			ok "$via: $way: ... to the same" diff -r src/$what full/t
			is "$via: $way: ... and leaves nothing" \
				"$(find full -name '.berth-*')" ''
			rm -rf full/t
		done
	done

	# One file.
	room 12m
	echo old >full/f
	"$BERTH" file write full/f src/large/big >"$TMP/answer" 2>"$TMP/err"
	like "$via: a file that is written: it is said" \
		"$? $(reason)" \
		'^[1-9][0-9]* .*[Nn]o space left'
	is "$via: ... it is as it was" "$(cat full/f; ls -A full)" $'old\nf'
	"$BERTH" file read src/large/big -o full/f >"$TMP/answer" 2>"$TMP/err"
	like "$via: one that is read: it is said" \
		"$? $(reason)" \
		'^[1-9][0-9]* .*[Nn]o space left'
	is "$via: ... it is as it was" "$(cat full/f; ls -A full)" $'old\nf'
	rm -f full/f
done
stop_daemon
