# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154
#
# The other machine's half of the bootstrap; see bootstrap.c, which sends it to
# /bin/sh there and speaks with it over its input and output.
#
# Before it come `t', the random word that each line for the client begins with,
# and `full', the numbers of places that turned out to have no room.  Nothing
# else than the shell itself is needed for a look, and uname, mkdir, chmod, mv,
# rm and head to install.  Comments are not sent.

umask 077
tmp=
trap '[ -z "$tmp" ] || rm -f "$tmp"' 0
trap 'exit 1' HUP INT PIPE TERM

say() {
	printf '%s\n' "$t $*"
}

# Words of others on one line.
flat() {
	set -f
	set -- $1
	set +f
	printf '%s' "$*"
}

# An rc file may have lost it.
command -v uname >/dev/null 2>&1 || PATH=${PATH:+$PATH:}/usr/bin:/bin
lacks=
for tool in uname mkdir chmod mv rm head; do
	command -v $tool >/dev/null 2>&1 || lacks="$lacks $tool"
done
[ -z "$lacks" ] || say lacks $lacks

arch=$(uname -m)
host=$(uname -n)
uid=
while read -r key value rest; do
	[ "$key" != Uid: ] || uid=$value
done </proc/self/status
say system "$(uname -s)" "$arch"
say uid "$uid"

# --- places -----------------------------------------------------------------

# Where the daemon looks by itself, with a directory for the program.
if [ -n "${BERTH_HOME:-}" ]; then
	state=$BERTH_HOME/state
	bin1=$BERTH_HOME/bin bin2=$BERTH_HOME/state/bin
else
	state=${XDG_STATE_HOME:-$HOME/.local/state}/berth
	bin1=${XDG_DATA_HOME:-$HOME/.local/share}/berth/bin bin2=$state/bin
fi

# Where home will not do: $place.
fallback() {
	case $1 in
	1) place=/var/tmp/berth-$uid ;;
	2) place=/run/user/$uid/berth-$uid ;;
	3) place=/tmp/berth-$uid ;;
	4) place=/dev/shm/berth-$uid ;;
	esac
}

has_room() {
	case " $full " in
	*" $1 "*) return 1 ;;
	esac
}

# A directory that is or can be made ours alone, and that takes a file.
is_ours() {
	[ -d "$1" ] || mkdir -p "$1" 2>/dev/null || return
	[ -O "$1" ] && chmod 700 "$1" 2>/dev/null || return
	printf '%4096s' x 2>/dev/null >"$1/.try-$$"
	set -- "$1" $?
	rm -f "$1/.try-$$"
	return $2
}

# The same where anybody may have made it.
is_ours_in_public() {
	[ ! -L "$1" ] && is_ours "$1"
}

# Not noexec: seen by doing it.
can_run() {
	printf '#!/bin/sh\nexit 42\n' 2>/dev/null >"$1/.try-$$" &&
		chmod 700 "$1/.try-$$" && "$1/.try-$$" </dev/null 2>/dev/null
	set -- "$1" $?
	rm -f "$1/.try-$$"
	[ "$2" -eq 42 ]
}

# Where a daemon lives: $home, which is empty for its usual places; left as it
# is if it is another one.
choose_home() {
	if [ -n "$home" ] || { has_room 0 && is_ours "$state"; }; then
		return 0
	fi
	for at in 1 2 3 4; do
		fallback $at
		has_room $at && is_ours_in_public "$place" && home=$place &&
			return
	done
	return 1
}

# Where a new program goes: $dir, number $at.
choose_dir() {
	at=0
	if [ -z "$home" ]; then
		for dir in "$bin1" "$bin2"; do
			is_ours "$dir" && can_run "$dir" && return
		done
	fi
	for at in 1 2 3 4; do
		fallback $at
		dir=$place/bin
		has_room $at && is_ours_in_public "$place" &&
			is_ours "$dir" && can_run "$dir" && return
	done
	return 1
}

# --- programs ---------------------------------------------------------------

# run N COMMAND...: program number N, in its home.
run() {
	eval "program=\$program$1 home=\$home$1"
	shift
	if [ -n "$home" ]; then
		BERTH_HOME=$home "$program" "$@" </dev/null 2>&1
	else
		"$program" "$@" </dev/null 2>&1
	fi
}

n=0
# look HOME PROGRAM: number it, and tell what it says of itself and its daemon.
look() {
	[ -x "$2" ] || return 0
	n=$((n + 1))
	eval "home$n=\$1 program$n=\$2"
	if said=$(run $n hello); then
		say program $n "$said"
	else
		say broken "$2: $(flat "$said")"
	fi
}

# look_at PROGRAM: in each home there is.  One that was needed once comes first:
# what ran there is there.
look_at() {
	for i in 1 2 3 4; do
		fallback $i
		[ -d "$place/state" ] && [ ! -L "$place" ] && [ -O "$place" ] &&
			look "$place" "$1"
	done
	look '' "$1"
}

packaged=$(command -v berthd) || packaged=
case $packaged in
/*) look_at "$packaged" ;;
esac
look_at "$bin1/berthd-$arch"
look_at "$bin2/berthd-$arch"
for k in 1 2 3 4; do
	fallback $k
	[ ! -L "$place" ] && [ -O "$place" ] && look_at "$place/bin/berthd-$arch"
done

# What a bootstrap that was cut left here, if its shell is gone.
sweep() {
	for left in "$dir/.upload-$host"-*; do
		[ -d "/proc/${left##*-}" ] || rm -f "$left"
	done
}

# receive SIZE SHA1 N: the bytes that follow become a program, for the home of
# program N if that is not 0.
receive() {
	home=
	[ "$3" -eq 0 ] || eval "home=\$home$3"
	if ! choose_home || ! choose_dir; then
		say nowhere
		return
	fi
	sweep
	say send "$dir"
	tmp=$dir/.upload-$host-$$
	if ! said=$(head -c "$1" 2>&1 >"$tmp"); then
		say full "$at" "$(flat "$said")"
		exit
	fi
	chmod 700 "$tmp"
	if ! said=$("$tmp" version --self-check "$2" 2>&1 </dev/null); then
		say damaged "$(flat "$said")"
		return
	fi
	if ! said=$(mv -f "$tmp" "$dir/berthd-$arch" 2>&1); then
		say damaged "$(flat "$said")"
		return
	fi
	tmp=
	n=$((n + 1))
	eval "home$n=\$home program$n=\$dir/berthd-\$arch"
	say installed $n
}

# --- what the client asks ---------------------------------------------------

# start N OPTION...: as that program's daemon, where it can write.
start() {
	number=$1
	eval "home=\$home$1"
	if ! choose_home; then
		echo 'no directory takes a file'
		return 1
	fi
	eval "home$1=\$home"
	shift
	run "$number" up "$@"
}

# answer WORD COMMAND...: what the command says, if it succeeds.
answer() {
	word=$1
	shift
	if said=$("$@"); then
		say "$word" "$said"
	else
		say failed "$(flat "$said")"
	fi
}

# The last of the script: all of it was read before anything else comes.
say ready
while read -r verb a b c; do
	case $verb in
	install) receive "$a" "$b" "$c" ;;
	up) answer up start "$a" ;;
	replace) answer up start "$a" --replace ;;
	stop) answer stopped run "$a" stop ;;
	esac
done
