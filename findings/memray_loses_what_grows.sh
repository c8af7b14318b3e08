#!/usr/bin/env bash
# memray 1.20: a mapping that is resized (mremap) stays as large as it was for memray, and once it is closed it is a leak for ever.
#
# A guess: what maps and unmaps memory is followed, so a mapping of 1 MiB that is resized to 64 counts as 64 from there on, and as nothing when it is closed.
# Seen: the peak is 1 MiB while the process has 64 resident; closed, that 1 MiB is listed as leaked. Of 64 MiB made 1 and closed 63 are. mremap is not looked at, and
# munmap takes away what memray knows at those addresses, which is less, or nothing.
# Why it matters here: buffers and arenas that grow without copying are made of that call; by memray's numbers they are small, or leak. (realloc, which
# may call mremap inside the C library, is counted right.)
# x86-64. Needs pip and Python's venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv tools
tools/bin/pip install -q --disable-pip-version-check --only-binary :all: memray==1.20.0

cat >probe.py <<'P'
import mmap
import memray

MIB = 1 << 20


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def show(name, first, second, close):
    before = resident()
    with memray.Tracker(name):
        buffer = mmap.mmap(-1, first * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        buffer.resize(second * MIB)
        for page in range(0, second * MIB, mmap.PAGESIZE):
            buffer[page] = 1
        grown = resident() - before
        if close:
            buffer.close()
    # The nearest 4 MiB of what is resident: the rest is the program's own.
    found = memray.FileReader(name)
    left = sum(record.size for record in found.get_leaked_allocation_records() if record.size >= MIB // 2)
    print(f"{name}: {round(grown / MIB / 4) * 4 or 1} MiB resident; memray's peak {round(found.metadata.peak_memory / MIB)}, left in the end {round(left / MIB)}")


show("1 MiB made 64, kept", 1, 64, False)
show("1 MiB made 64, closed", 1, 64, True)
show("64 MiB made 1, closed", 64, 1, True)
show("64 MiB left at 64, closed", 64, 64, True)
P
tools/bin/python probe.py >seen
cat seen
cat >wanted <<'END'
1 MiB made 64, kept: 64 MiB resident; memray's peak 1, left in the end 1
1 MiB made 64, closed: 64 MiB resident; memray's peak 1, left in the end 1
64 MiB made 1, closed: 1 MiB resident; memray's peak 64, left in the end 63
64 MiB left at 64, closed: 64 MiB resident; memray's peak 64, left in the end 0
END
cmp -s wanted seen || { echo "changed"; exit 1; }
