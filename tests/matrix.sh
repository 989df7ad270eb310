#!/bin/sh
# Run the tests of behaviour with every OpenSSL that can be had; $1 is where they are kept.
set -u
versions=$(python tests/openssl_versions.py "$1") || exit 1
status=0
while read -r version openssl; do
  printf '\n== OpenSSL %s\n' "$version"
  pytest -n 2 -q -m version --openssl="$openssl" tests || status=1
done <<EOF
$versions
EOF
exit $status
