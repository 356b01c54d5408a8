#!/bin/sh
# Runs tests against an addon that was built with AddressSanitizer and UndefinedBehaviorSanitizer, in an ordinary Node:
#
#   scripts/asan-node.sh [arguments for `vitest run`]     by default the conformance, hostile, process, random and torture tests
#
# Fails when a test fails or a sanitizer has anything to say, also in a child process. Then a small program is run with
# leak detection. Needs g++, Node's headers (npm_config_nodedir or beside node), and a built dist/. SKEIN_LIBKQUEUE, where
# libkqueue is installed, adds kqueue.
set -eu
cd "$(dirname "$0")/.."

out=build/asan-node
# A copy of the tree, whose build/Release has that addon.
node scripts/tree.mjs "$out"
mkdir -p "$out/build/Release" "$out/reports"

headers=$(node -p '
  const { existsSync } = require("node:fs");
  const { dirname } = require("node:path");
  [process.env.npm_config_nodedir, dirname(dirname(process.execPath)), "/usr"]
    .map((prefix) => `${prefix}/include/node`)
    .find((folder) => existsSync(`${folder}/node_api.h`)) ?? ""')
[ -n "$headers" ] || { echo "Node's headers were not found: set npm_config_nodedir." >&2; exit 1; }
sources=$(node -p 'const s = require("./native/sources.json"); [...s.engine, ...s.posix, ...s.linux, ...s.addon, ...s.addon_posix].join(" ")')
kqueue=
if [ -n "${SKEIN_LIBKQUEUE:-}" ]; then
  sources="$sources $(node -p 'require("./native/sources.json").kqueue.join(" ")')"
  kqueue="-DSKEIN_LIBKQUEUE -isystem $SKEIN_LIBKQUEUE/include/kqueue -L$SKEIN_LIBKQUEUE/lib -lkqueue -Wl,-rpath,$SKEIN_LIBKQUEUE/lib"
fi

echo "> building $out"
# Handles come round after four uses of a slot instead of 2,048, so that the tests of kept transports see it.
# vptr checks need RTTI, which the addon does without.
# shellcheck disable=SC2086
g++ -std=c++20 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=vptr -shared -fPIC -pthread \
  -fvisibility=hidden -fno-exceptions -fno-rtti -DNODE_GYP_MODULE_NAME=skein -DNAPI_VERSION=8 \
  -DSKEIN_GENERATION_BITS=2 -DSKEIN_DEBUG_CHECKS \
  -Inative -I"$headers" \
  $sources $kqueue -o "$out/build/Release/skein.node"

# The runtime has to be there before Node is; the shim of the torture test comes before it nevertheless.
runtime="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)"
cd "$out"
reports="log_path=$PWD/reports/report"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:$reports"
asan="verify_asan_link_order=0:detect_stack_use_after_return=1:$reports"

status=0
[ $# -gt 0 ] || set -- test/conformance test/hostile test/process test/random test/torture
echo "> vitest run $*"
LD_PRELOAD="$runtime" ASAN_OPTIONS="detect_leaks=0:$asan" \
  node node_modules/vitest/vitest.mjs run --testTimeout=600000 "$@" || status=1

for driver in pollable waiter; do
  echo "> leaks with the $driver driver"
  LD_PRELOAD="$runtime" ASAN_OPTIONS="detect_leaks=1:$asan" node test/process/leaks.mjs "$driver" || status=1
done

for report in reports/*; do
  [ -e "$report" ] || continue
  status=1
  echo "> $report" >&2
  cat "$report" >&2
done
[ "$status" -eq 0 ] && echo "No sanitizer found anything."
exit "$status"
