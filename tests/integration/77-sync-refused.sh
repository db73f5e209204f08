#!/bin/bash
# Goal: what may not be read or written, here or there, is named, all else is
# synced, the exit status tells; and what could not be looked at is not taken
# for gone.
# Timeout: 120
. "$(dirname "$0")/../lib.sh"
needs jq setpriv
needs_root

# Somebody who may not do everything, with programs that he can reach.
chmod 711 "$TMP"
mkdir -m 755 "$TMP/bin"
cp "$BERTH" "$BERTHD" "$TMP/bin"
mkdir "$TMP/u"
export BERTH_HOME=$TMP/u/h HOME=$TMP/u BERTHD=$TMP/bin/berthd BERTH_OUTPUT=json
chown 65534:65534 "$TMP/u"
cd "$TMP/u" || exit 99
umask 022
stop_it() {
	as_nobody "$BERTHD" stop
}
cleanup_at_exit stop_it

sync() {
	as_nobody "$TMP/bin/berth" sync "$@"
}
# sync_tells WHAT SKIPPED ARGUMENT...: it ends with 1 and names these.
sync_tells() {
	local status
	sync "${@:3}" --jsonl >"$TMP/lines" 2>"$TMP/errors"
	status=$?
	is "$1" "$status $(jq -rs '[.[] | select(.type == "skip").path] |
		sort | join(" ")' "$TMP/lines")" "1 $2" || note <"$TMP/errors"
	is '... and counts them' "$(jq -c 'select(.type == "end") |
		[.skipped, .ok]' "$TMP/lines")" "[$(wc -w <<<"$2"),false]"
}
list() {
	as_nobody "$TMP/bin/berth" file ls -R "$1"
}
make_tree() { # DIR
	mkdir -p "$1"/{locked,through,sub}
	for f in a locked/in secret sub/f through/in zz; do echo $f >"$1/$f"; done
	chown -R 65534:65534 "$1"
}
close_some() { # DIR
	chmod 000 "$1/secret" "$1/locked"
	chmod 444 "$1/through"
}

for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	[ $via != sftp ] || [ -x /usr/lib/openssh/sftp-server ] || continue
	make_tree src
	ok "$via: all may be read" sync push src dst
	ok "$via: ... here, too" sync pull src back
	close_some src
	touch -d '2001-02-03' src/a src/secret
	echo new >src/zz
	sync_tells "$via: push names what it may not read" \
		'locked secret through' push src dst --delete
	is "$via: ... sends all else" "$(cat dst/zz dst/sub/f)" $'new\nsub/f'
	is "$via: ... and takes nothing for gone" \
		"$(cat dst/locked/in dst/through/in dst/secret)" \
		$'locked/in\nthrough/in\nsecret'
	sync_tells "$via: pull names what it may not read" \
		'locked secret through' pull src back --delete
	is "$via: ... fetches all else" "$(cat back/zz back/sub/f)" $'new\nsub/f'
	is "$via: ... and takes nothing for gone" \
		"$(cat back/locked/in back/through/in back/secret)" \
		$'locked/in\nthrough/in\nsecret'

	exits 1 "$via: a list of all tells of it" list src
	is "$via: ... by name" "$(list src | jq -c '.closed | sort')" \
		'["locked","through"]'
	is "$via: ... and has all else" "$(list src |
		jq -r '[.entries[] | select(.type == "file").name] | sort | join(" ")')" \
		'a secret sub/f zz'

	# What belongs to somebody else over there, and here.
	for side in dst back; do
		rm -rf src $side
		make_tree src
		make_tree $side
		chown 0:0 $side/sub
		mkdir -m 755 $side/locked/theirs
		mkdir src/locked/theirs
		touch src/locked/theirs/f
		chown -R 65534:65534 src/locked
		echo "newer than that" | tee src/{a,zz,sub/f} >"$TMP/newer"
		way=push
		[ $side = dst ] || way=pull
		sync_tells "$via: $way names what it may not write" \
			'locked/theirs locked/theirs/f sub sub/f' $way src $side
		ok "$via: ... and does all else" cmp src/zz $side/zz
		ok "$via: ... before it, too" cmp src/a $side/a
		is "$via: ... and leaves what it may not" \
			"$(cat $side/sub/f)" sub/f
	done
	is "$via: nothing is left" "$(find . -name '.berth-*.*')" ''
	rm -rf src dst back
done

# A file in the place of what is to be gone on with, planted by somebody else,
# is not written; nor is one removed that another writer has open or left a
# short time ago.
mkdir src
head -c 9000000 /dev/urandom >src/big
touch -d '2001-02-03 04:05:06' src/big
part=.berth-$(printf 'big/9000000/%s' "$(date -d '2001-02-03 04:05:06' +%s)000000000" |
	sha1sum | cut -c1-16).part
other=.berth-0123456789abcdef.part
chown -R 65534:65534 src
whole_or_none() {
	[ ! -e dst/big ] || cmp src/big dst/big
}
for via in daemon sftp shell; do
	export BERTH_FILE_VIA=$via
	for way in push pull; do
		for what in link file; do
			as_nobody mkdir dst
			chmod 1777 dst
			echo victim >victim
			chmod 666 victim
			if [ $what = link ]; then
				ln -s ../victim dst/$part
			else
				cp -p victim dst/$part
			fi
			sync $way src dst >/dev/null 2>&1
			is "$via: $way: a $what of somebody else is not gone on with" \
				"$(head -qc 100 victim dst/$part | grep -c victim)" 2
			ok "$via: $way: ... nor made a file" \
				whole_or_none
			rm -rf dst victim
		done
		as_nobody mkdir dst
		head -c 5000000 src/big >dst/$part
		echo theirs >dst/$other
		chown 65534:65534 dst/$part dst/$other
		exec 8<dst/$other
		flock 8
		is "$via: $way: ours is gone on with" \
			"$(sync $way src dst | jq '.resumed_bytes == 5000000')" true
		ok "$via: $way: ... to the same" cmp src/big dst/big
		is "$via: $way: ... and that of another is left" \
			"$(cat dst/$other)" theirs
		exec 8<&-
		touch -d '3 days ago' dst/$other
		sync $way src dst >/dev/null
		is "$via: $way: ... until nobody can be writing it" \
			"$(ls -A dst)" big
		rm -rf dst
	done
done
