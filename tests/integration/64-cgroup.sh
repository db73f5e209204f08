#!/bin/bash
# Goal: where a cgroup is delegated to the daemon, every exec has its own, and
# ending an exec ends all that is in it at once.
# Timeout: 60
. "$(dirname "$0")/../lib.sh"
needs_root

mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
if [ -z "$mount" ] || ! mkdir "$mount/berth-test-$$" 2>"$TMP/mkdir"; then
	cannot 'cgroups are used' 'no cgroup2 that can be written'
	exit 0
fi
group=$mount/berth-test-$$
cleanup_at_exit sh -c "find $group -depth -type d -exec rmdir {} +"

# The daemon is started inside, as a unit with Delegate=yes would be.
use_home h
BERTH_CGROUP=delegated sh -c "echo \$\$ >$group/cgroup.procs &&
	exec $BERTHD serve --detach"
ok 'the daemon steps aside into a leaf' grep -q . "$group/daemon/cgroup.procs"
is 'so that the group itself is empty' "$(cat "$group/cgroup.procs")" ''

id=$(api POST /v1/exec -d \
	'{"cmd":"setsid tail -f /dev/null & setsid tail -f /dev/null & echo up; wait"}' |
	jq -r .exec_id)
wait_for 10 file_has "$(exec_dir "$id")/out" up
three() { [ "$(wc -l <"$group/exec-$id/cgroup.procs")" -eq 3 ]; }
ok 'an exec and its children are in a group of their own' wait_for 10 three
is 'cancelling it' "$(api POST "/v1/exec/$id/cancel" -d '{"grace":"0s"}' |
	jq .canceled)" true
removed() { [ ! -e "$group/exec-$id" ]; }
ok 'leaves nothing, not even the group' wait_for 10 removed

if grep -qw pids "$group/cgroup.controllers"; then
	id=$(api POST /v1/exec -d \
		'{"cmd":"for i in 1 2 3 4 5 6 7 8; do cat </dev/null & done; wait","limit_procs":3}' |
		jq -r .exec_id)
	is 'a limit of processes is the group'"'"'s' \
		"$(api GET "/v1/exec/$id?wait=20" | jq -r .limits.procs.mechanism)" cgroup
else
	is 'a limit that cannot be enforced fails closed' \
		"$(api GET "/v1/exec/$(api POST /v1/exec -d \
			'{"cmd":"true","limit_cpu":"0.5"}' | jq -r .exec_id)?wait=20" |
			jq -r .state)" failed
fi
"$BERTHD" stop
