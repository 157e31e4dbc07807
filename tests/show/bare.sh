#!/usr/bin/env bash
# `tests/run --budget 70` as on a machine that has nothing: bare.sh SEED [COMMAND…]
# The machine is a Debian 12 of mmdebstrap's minbase with a clone of what is committed here and the Rust toolchain of this one, a root
# of its own by pivot_root (a lab enters mount namespaces, whose root is the machine's), and no cache. Brought along is how this machine
# reaches its registries: apt's settings, those of pip and npm, names and certificates. The network, devices and control groups are this
# machine's, so no other lab may run meanwhile. Another COMMAND is run in its place, to look at something.
# Run by tests/show/8b, which this may be without; prints nothing, and writes to target/measured/bare.SEED.txt and .json.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || leave_out "makes a root file system, which needs root"
one=${1:?bare.sh SEED}
shift
said=$target/measured/bare.$one
mkdir -p "$target/measured"
# On the disk where the rest of what is built lies: it takes about 20 GB.
machine=$(mktemp -d "$target/bare.XXXXXX")
trap 'rm -rf --one-file-system "$machine"' EXIT

mirror=$(apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(LABEL)' | sed -n 's/^Packages|\(.*\)|Debian$/\1/p' | head -1)
[ -n "$mirror" ] || leave_out "apt on this machine names no mirror of Debian"
settings=()
while IFS= read -r line; do settings+=(--aptopt="$line"); done < <(apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(https?::|Check-|Retries|ForceIP)' | grep -v ' "";$')
mmdebstrap --quiet --mode=root --variant=minbase "${settings[@]}" bookworm "$machine" \
  "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >"$said.txt" 2>&1 || die "no root file system: $(tail -5 "$said.txt")"

for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d /etc/apt/auth.conf.d /etc/resolv.conf /etc/hosts \
  /etc/pip.conf /root/.npmrc /etc/ssl/certs; do
  [ ! -e "$path" ] || { rm -rf "${machine:?}$path"; mkdir -p "$machine$(dirname "$path")"; cp -rL "$path" "$machine$path"; }
done
toolchain=$(rustc --print sysroot)
mkdir -p "$machine/root/.cargo/bin" "$machine/opt/rust" "$machine/.old"
tar -c -C "$toolchain" --exclude=./share/doc . | tar -x -C "$machine/opt/rust"
git clone --quiet --no-local "$root" "$machine/root/kolla-lang"

[ $# -gt 0 ] || set -- tests/run --budget 70 --seed "$one"
began=$SECONDS code=0
keep=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE CURL_CA_BUNDLE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS; do
  [ -z "${!name:-}" ] || keep+=("$name=${!name}")
done
# shellcheck disable=SC2016
unshare --mount --pid --ipc --uts --fork --kill-child --propagation private bash -c '
  set -eu
  cd "$1"
  shift
  mount --bind . .
  cd "$PWD"
  mount --rbind /dev dev
  mount --rbind /sys sys
  mount -t proc proc proc
  mount -t tmpfs -o mode=755 tmpfs run
  pivot_root . .old
  # A minbase has no umount.
  /.old/lib64/ld-linux-x86-64.so.2 --library-path /.old/usr/lib/x86_64-linux-gnu /.old/usr/bin/umount --lazy /.old
  cd /root/kolla-lang
  exec "$@"
' bash "$machine" /usr/bin/env -i "${keep[@]}" HOME=/root LANG=C.UTF-8 TERM=dumb USER=root \
  PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" >"$said.txt" 2>&1 || code=$?
took=$((SECONDS - began))
tail -30 "$said.txt" | sed 's/^/   | /'
[ $code = 0 ] || die "\`$*\` on a bare Debian 12 ended with $code: $said.txt"
if [ "$1" = tests/run ] && [ "${2:-}" = --budget ]; then
  [ "$took" -lt 4800 ] || die "it took $took s, and not less than 80 minutes"
  ! grep -q '^left out' "$said.txt" || has "$said.txt" '^left out: [0-9a-z]+: no time for it within 70 minutes; .*; (no full record|full record of )'
  printf '{"seed": %s, "seconds": %s, "left_out": %s}\n' "$one" "$took" "$(grep -c '^left out' "$said.txt")" >"$said.json"
fi
