# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2030,SC2031,SC2048,SC2086,SC2154
#
# The other machine's half of file_shell.c, which sends it to /bin/sh there.
#
# Before it comes `t', a random word.  A request is one line: a verb, a random
# word that marks what is answered, and operands; names are encoded as printf's
# %b takes them, and "-" is an operand that is missing.  An answer is made of
# parts, each after a line feed, the word and a sign: ":" what is told of a
# file, "@" what a link leads to, "!" a directory that could not be listed, "=" content, "+" the client's turn, and at
# last " ok" or " no CODE REASON".
#
# The whole is one compound command: the shell has read all of it before it
# says that it is ready, and never reads what is meant for head.

{
LC_ALL=C
export LC_ALL
umask 022
left=
trap '[ -z "$left" ] || rm -f "$left"' 0
trap 'exit 1' HUP INT PIPE TERM
exec 3<&0 4>&1 </dev/null
cd 2>/dev/null

# An rc file may have lost it.
command -v stat >/dev/null 2>&1 || PATH=${PATH:+$PATH:}/usr/bin:/bin
lacks=
for tool in cat chmod cp find head ln mkdir mv readlink rm rmdir stat tail \
	touch; do
	command -v $tool >/dev/null 2>&1 || lacks="$lacks $tool"
done
locks=
command -v flock >/dev/null 2>&1 && locks=1
fields='%f %s %Y %u %g %i'
export fields

# A directory in the place of the target is not moved into.
whole=
case $(mv --help 2>&1) in
*-T*) whole=-T ;;
esac

# --- answers ----------------------------------------------------------------

ok() {
	printf '%s ok\n' "$t"
}

# refuse CODE REASON...: on one line.
refuse() {
	set -f
	set -- $*
	set +f
	printf '%s no %s\n' "$t" "$*"
}

# try COMMAND...: true with $said, or it was answered what went wrong.
try() {
	said=$("$@" 2>&1) && return
	refuse - "$said"
	return 1
}

# decode OPERAND: $x
decode() {
	case $1 in
	*\\*) x=$(printf '%b.' "$1") && x=${x%.} ;;
	*) x=$1 ;;
	esac
}

there() {
	[ -e "$1" ] || [ -L "$1" ]
}

etag() {
	stat -L -c '"%s-%Y-%i"' "$1" 2>/dev/null
}

# --- names ------------------------------------------------------------------

look() {
	follow=
	case $b in
	*f*) follow=-L ;;
	esac
	try stat $follow -c "$t:$fields" "$p" || return
	if [ -z "$follow" ] && [ -L "$p" ]; then
		printf '%s@' "$t"
		readlink -n "$p"
		printf '\n'
	fi
	printf '%s\n' "$said"
	ok
}

# walk [-prune]: of what is in the working directory.
walk() {
	find . ! -name . $1 ! -type l -exec stat -c "$t:$fields %n" {} +
	find . ! -name . $1 -type l -exec sh -c '
		for link; do
			printf "%s@" "$0"
			readlink -n "$link"
			printf "\n"
			stat -c "$0:$fields %n" "$link"
		done' "$t" {} +
	[ -n "$1" ] || find . ! -name . -type d -exec sh -c '
		for dir; do
			[ -r "$dir" ] && [ -x "$dir" ] ||
				printf "%s!%s\n" "$0" "$dir"
		done' "$t" {} +
}

list() {
	if ! there "$p"; then
		refuse NOT_FOUND no such file
	elif [ ! -d "$p" ]; then
		refuse INVALID is not a directory
	elif [ ! -r "$p" ] || [ ! -x "$p" ]; then
		refuse DENIED permission denied
	else
		prune=-prune
		case $b in
		*r*) prune= ;;
		esac
		(cd "$p" && walk "$prune") 2>/dev/null
		ok
	fi
}

make_dir() {
	case $b in
	*p*)
		if [ -d "$p" ]; then
			ok
			return
		fi
		try mkdir -p "$p" || return
		;;
	*) try mkdir "$p" || return ;;
	esac
	[ "$c" = - ] || try chmod "$c" "$p" || return
	ok
}

remove() {
	if ! there "$p"; then
		refuse NOT_FOUND no such file
		return
	fi
	if [ ! -d "$p" ] || [ -L "$p" ]; then
		try rm -f "$p" && ok
		return
	fi
	case $b in
	*r*) try rm -r -f "$p" && ok ;;
	*) try rmdir "$p" && ok ;;
	esac
}

# Nobody comes between a look at $p and its change, where there is flock; but
# somebody who never lets go holds up nobody.
hold() {
	[ -n "$locks" ] && [ -r "${p%/*}/" ] &&
		{
			command exec 9<"${p%/*}/" &&
				{ flock -w 5 9 || flock -n 9; }
		} 2>/dev/null
}

let_go() {
	[ -z "$locks" ] || exec 9<&-
}

# move FROM: to $p, in one step.
move() {
	if [ -n "$new" ] && there "$p"; then
		refuse CONFLICT exists already
		return 1
	fi
	if [ -z "$whole" ] && [ -d "$p" ]; then
		refuse CONFLICT is a directory
		return 1
	fi
	# A hard link does not replace, if there can be one.
	if [ -n "$new" ] && [ -f "$1" ] && [ ! -L "$1" ]; then
		ln "$1" "$p" 2>/dev/null && rm -f "$1" && return
		if there "$p"; then
			refuse CONFLICT exists already
			return 1
		fi
	fi
	try mv -f $whole "$1" "$p"
}

rename() {
	from=$p
	decode "$d"
	p=$x
	hold
	move "$from" && ok
	let_go
}

# Renamed into place: a link that is there gives way in one step.
link() {
	decode "$d"
	left=${p%/*}/.berth-$g
	hold
	try ln -s -- "$x" "$left" && move "$left" && ok
	let_go
	drop
}

change() {
	if [ -L "$p" ]; then
		refuse INVALID a link has no mode
		return
	fi
	[ "$c" = - ] || try chmod "$c" "$p" || return
	[ "$d" = - ] || try touch -c -m -d "@$d" "$p" || return
	ok
}

# --- content ----------------------------------------------------------------

# From the byte $c (the first is 1), $d of them or all: to the client, and what
# goes wrong to the caller.
content() {
	if [ "$c" = 1 ] && [ "$d" = 0 ]; then
		cat "$p" >&4
	elif [ "$d" = 0 ]; then
		tail -c "+$c" "$p" >&4
	elif [ "$c" = 1 ]; then
		head -c "$d" "$p" >&4
	else
		tail -c "+$c" "$p" | head -c "$d" >&4
	fi
}

read_file() {
	try stat -L -c "$t:$fields" "$p" || return
	decode "$e"
	if [ ! -f "$p" ]; then
		refuse INVALID is not a file
	elif [ "$e" != - ] && [ "$x" != '*' ] && [ "$x" != "$(etag "$p")" ]; then
		refuse CONFLICT was changed by somebody else
	elif [ ! -r "$p" ]; then
		refuse DENIED permission denied
	else
		printf '%s\n%s=' "$said" "$t"
		said=$(content 2>&1)
		set -- $?
		printf '\n'
		if [ "$1" -eq 0 ]; then ok; else refuse - "$said"; fi
	fi
}

# A link at the end of $p is gone through, unless it leads nowhere.
resolve() {
	[ -L "$p" ] && [ -e "$p" ] || return 0
	x=$(readlink -f "$p" && echo .) && p=${x%??}
}

may_write() {
	if [ -e "$p" ] && [ ! -f "$p" ]; then
		refuse INVALID is not a file
	elif [ -n "$new" ] && there "$p"; then
		refuse CONFLICT exists already
	elif [ "$match" != - ] && [ ! -e "$p" ]; then
		refuse CONFLICT is gone
	elif [ "$match" != - ] && [ "$match" != '*' ] &&
		[ "$match" != "$(etag "$p")" ]; then
		refuse CONFLICT was changed by somebody else
	else
		return 0
	fi
	return 1
}

# In a subshell.  One that is gone on with must be ours.
begin() {
	umask 077
	case $1 in
	*.part)
		! there "$1" || { [ -f "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]; } ||
			return
		: >>"$1"
		;;
	*)
		set -C
		: >"$1"
		;;
	esac
}

# take N FILE: the bytes that follow, all of them whatever happens.
take() {
	head -c "$1" <&3 | {
		cat >>"$2" || {
			cat >/dev/null
			exit 1
		}
	}
}

drop() {
	[ -z "$left" ] || rm -f "$left"
	left=
}

# What was written takes its name, with $c or the permissions that $p had.
take_name() {
	hold
	may_write || return
	[ "$c" != - ] || c=$(stat -c %a "$p" 2>/dev/null) || c=644
	c=$(printf %o $((0$c & 0777)))
	try chmod "$c" "$tmp" || return
	[ "$d" = - ] || try touch -c -m -d "@$d" "$tmp" || return
	move "$tmp" || return
	left=
	try stat -c "$t:$fields" "$p" || return
	printf '%s\n' "$said"
	ok
}

# The client has its turns: "data N" with N bytes after it, "end", "quit", or
# "spoilt" if it is not to be gone on with.
receive() {
	while printf '%s+\n' "$t" && IFS=' ' read -r verb n <&3; do
		case $verb in
		data)
			said=$(take "$n" "$tmp" 2>&1) || {
				refuse - "$said"
				return
			}
			;;
		end)
			take_name
			let_go
			return
			;;
		*)
			[ "$verb" = quit ] || left=$tmp
			refuse INVALID given up
			return
			;;
		esac
	done
	exit 1
}

write_file() {
	resolve
	match=-
	[ "$e" = - ] || { decode "$e" && match=$x; }
	may_write || return
	dir=${p%/*}/
	case $b in
	*p*) [ -d "$dir" ] || try mkdir -p "$dir" || return ;;
	esac
	tmp=$dir.berth-$g
	try begin "$tmp" || return
	case $g in
	*.part) ;;
	*) left=$tmp ;;
	esac
	printf '%s:%s\n' "$t" "$(stat -c %s "$tmp")"
	receive
	drop
}

copy() {
	from=$p
	decode "$d"
	p=$x
	match=-
	if [ -e "$from" ] && [ ! -f "$from" ]; then
		refuse INVALID is not a file
		return
	fi
	resolve
	may_write || return
	left=${p%/*}/.berth-$g
	c=$(stat -L -c %a "$from" 2>/dev/null) || c=644
	c=$(printf %o $((0$c & 0777)))
	if try cp "$from" "$left" && try chmod "$c" "$left"; then
		hold
		move "$left" && ok
		let_go
	fi
	drop
}

# --- requests ---------------------------------------------------------------

printf '\n'
if [ -n "$lacks" ]; then
	refuse UNSUPPORTED there is no $lacks
	exit
fi
ok
while IFS=' ' read -r verb t a b c d e g <&3; do
	decode "$a"
	p=$x
	new=
	case $b in
	*n*) new=1 ;;
	esac
	printf '\n'
	case $verb in
	read) read_file ;;
	write) write_file ;;
	list) list ;;
	stat) look ;;
	mkdir) make_dir ;;
	remove) remove ;;
	rename) rename ;;
	copy) copy ;;
	link) link ;;
	set) change ;;
	*) refuse UNSUPPORTED no such verb ;;
	esac
done
exit
}
