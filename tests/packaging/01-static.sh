#!/bin/bash
# Goal: the daemon that is shipped needs nothing but a kernel, on both
# architectures.
. "$(dirname "$0")/../lib.sh"
needs readelf strip

version=$("$BUILD/src/berthd/berthd" version)

for arch in x86_64 aarch64; do
	program=$ROOT/dist/berthd-$version-linux-$arch
	ok "$arch: is there" test -x "$program" || exit 1
	unlike "$arch: no interpreter, no libraries" \
		"$(readelf -lW "$program")" 'INTERP|DYNAMIC'
	unlike "$arch: nobody asks the name service" \
		"$(grep -aoE 'libnss_|__nss_next' "$program")" .
	size=$(stat -c %s "$program")
	ok "$arch: no more than 2 MB ($size bytes)" test "$size" -le 2000000
done

# With nothing around it, not even a shell.
native=$ROOT/dist/berthd-$version-linux-$(uname -m)
if [ "$(id -u)" -eq 0 ]; then
	mkdir empty
	cp "$native" empty/berthd
	is 'it runs in an empty directory' "$(chroot empty /berthd version)" \
		"$version"
else
	cannot 'it runs in an empty directory' 'only root may chroot'
fi

# Once as if on the other machine: a daemon, an exec, its output and its end.
needs qemu-aarch64-static
foreign() {
	qemu-aarch64-static "$ROOT/dist/berthd-$version-linux-aarch64" "$@"
}
is 'aarch64: says its version' "$(foreign version)" "$version"
BERTHD="$TMP/foreign"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$(command -v qemu-aarch64-static)" \
	"$ROOT/dist/berthd-$version-linux-aarch64" >"$BERTHD"
chmod +x "$BERTHD"
start_daemon
id=$(api POST /v1/exec -d '{"cmd":"uname -s; exit 3"}' | jq -r .exec_id)
like 'aarch64: starts an exec' "$id" '^[0-9a-z]{26}$'
is 'aarch64: its end is known' \
	"$(api GET "/v1/exec/$id?wait=10" | jq -c '[.state,.exit_code]')" \
	'["exited",3]'
is 'aarch64: its output is there' \
	"$(api GET "/v1/exec/$id/logs?format=raw&offset=0")" Linux
