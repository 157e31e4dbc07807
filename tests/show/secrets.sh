# What the shows of secrets share: keys that are made here, and a cloud of two hosts whose secrets are encrypted to them. No other
# program is needed: a secret of the kind `.ssh-key` is a key pair, and `secrets show` prints it.
# Sourced after lib.sh.
# shellcheck shell=bash

scratch
build_tool
keys=$root/tests/support/keys

# Makes a key pair for each name: $work/NAME and $work/NAME.pub
make_keys() { # NAME…
  local name
  {
    echo 'use kernel'
    echo 'cloud.name = "keys"'
    echo 'networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }'
    echo "operators.tests = \"$(cat "$keys/operator.pub")\""
    echo "hosts.none = { ssh = { key = \"$(cat "$keys/host.pub")\" } }"
    for name in "$@"; do echo "secrets.\"$name\" = { kind = .ssh-key, hosts = [.none] }"; done
  } >"$work/keys.kl"
  expect 0 "$work/keys.txt" "$kolla" secrets generate --file "$work/keys.kl"
  for name in "$@"; do
    (umask 077 && "$kolla" secrets show "$name" private --file "$work/keys.kl" --identity "$keys/operator" >"$work/$name")
    "$kolla" secrets show "$name" public --file "$work/keys.kl" --identity "$keys/operator" >"$work/$name.pub"
  done
}

# A cloud of two hosts: `shop/one` is read by web1, `shop/two` and the certificate by web2, `shop/both` by both.
make_cloud() {
  cat >"$work/cloud.kl" <<KL
use kernel
cloud.name    = "shop"
networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }
operators.ada = "$(cat "$work/ada.pub")"
hosts.web1    = { addresses = { mgmt = 10.0.0.11 }, ssh = { key = "$(cat "$work/web1.pub")" } }
hosts.web2    = { addresses = { mgmt = 10.0.0.12 }, ssh = { key = "$(cat "$work/web2.pub")" } }

secrets."shop/one"  = {}
secrets."shop/two"  = {}
secrets."shop/both" = { kind = .fernet }
secrets."site/ca"   = { kind = .authority }
secrets."shop/tls"  = { kind = .certificate(authority = "site/ca", names = ["shop.example"]) }

fn shop(files: {[Path]: File}) -> Container = {
  image = "registry.local/shop:1", contract = .direct, files = files
}
hosts.web1.containers.shop = shop({
  "/etc/shop/a" = text_file("\${secret("shop/one")} \${secret_part("shop/both", "0")}")
  "/etc/shop/b" = text_file(secret_part("shop/tls", "authority"))
})
hosts.web2.containers.shop = shop({
  "/etc/shop/a" = text_file("\${secret("shop/two")} \${secret_part("shop/both", "0")}")
  "/etc/shop/b" = text_file("\${secret_part("shop/tls", "key")}\${secret_part("shop/tls", "certificate")}")
})
KL
}

# Runs the tool on the cloud: secrets CODE FILE IDENTITY word…
secrets() {
  local want=$1 out=$2 identity=$3
  shift 3
  expect "$want" "$out" "$kolla" secrets "$@" --file "$work/cloud.kl" --identity "$identity"
}
