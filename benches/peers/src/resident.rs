//! Resident memory of this process.

use std::fs;

/// Anonymous resident bytes: what allocators use, without the pages of program files that calls happen to touch.
///
/// Read from `smaps_rollup`, which walks the page tables: the cheaper counters lag behind by some 100 KiB.
pub fn resident() -> Result<usize, String> {
    let text =
        fs::read_to_string("/proc/self/smaps_rollup").map_err(|error| format!("/proc/self/smaps_rollup: {error}"))?;
    anonymous(&text).ok_or_else(|| "/proc/self/smaps_rollup has no line `Anonymous`".to_owned())
}

/// The most bytes that were ever resident, as the system counts them for `ps`: to within some 100 KiB.
pub fn most_resident() -> Result<usize, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    kib_of(&text, "VmHWM:").ok_or_else(|| "/proc/self/status has no line `VmHWM`".to_owned())
}

fn anonymous(text: &str) -> Option<usize> {
    kib_of(text, "Anonymous:")
}

fn kib_of(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_it_needs() {
        assert_eq!(anonymous("Rss:   100 kB\nAnonymous:          12 kB\n"), Some(12 << 10));
        assert_eq!(anonymous("Rss:   100 kB\n"), None);
    }
}
