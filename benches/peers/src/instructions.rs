//! `--instructions`: counts the instructions of the fast paths by single-stepping a child process.
//!
//! Each loop executes a marker (a breakpoint instruction) once an iteration; the parent counts the steps from marker to marker. The
//! median over the iterations is the fast path, the mean has its share of the slow ones. The same loop without the call is
//! subtracted. Valgrind could not do this: it does not run snmalloc.

use crate::args::Args;
use crate::candidates::Entry;

/// Iterations of each loop.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
const ITERATIONS: usize = 128;

/// Counts for every candidate, prints the table and writes `instructions.csv`.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn count(args: &Args, roster: &[Entry]) -> Result<(), String> {
    use crate::candidates::Sort;
    use crate::report;

    let headings = ["instructions", "malloc", "mean", "free", "mean", "pair", "mean", "box", "mean"];
    let mut lines = vec![headings.map(str::to_owned).to_vec()];
    let mut csv = "candidate,path,median,mean\n".to_owned();
    for entry in roster.iter().filter(|entry| entry.sort == Sort::Blocks) {
        eprintln!("{}", entry.name);
        match tracer::trace(args, &entry.name) {
            Err(why) => eprintln!("left out: {}: {why}", entry.name),
            Ok(paths) => {
                let mut line = vec![entry.name.clone()];
                for (path, (median, mean)) in ["malloc", "free", "pair", "box"].iter().zip(paths) {
                    line.extend([format!("{median:.0}"), format!("{mean:.1}")]);
                    csv += &format!("{},{path},{median},{mean}\n", entry.name);
                }
                lines.push(line);
            }
        }
    }
    println!("{}", report::align(&lines));
    println!("malloc, free: 64 bytes; pair: malloc and free at once; box: a 64-byte value boxed, written and dropped.");
    println!("Wanted: smarena-call malloc <= 16, free <= 15, pair <= 30; smarena-global malloc <= 26, free <= 18.");
    report::write(&args.out, "instructions.csv", &csv)
}

/// Runs the loops of one candidate; the parent traces this process, on ARM64 an emulator.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn run_traced(entry: &Entry) -> Result<(), String> {
    use crate::candidate::Setup;

    crate::candidates::open(entry, &Setup::default(), traced::Loops)
}

/// Tells that this machine is not supported.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn count(_: &Args, _: &[Entry]) -> Result<(), String> {
    Err("--instructions needs Linux on x86-64".to_owned())
}

/// Never called: nobody starts a traced process here.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub fn run_traced(_: &Entry) -> Result<(), String> {
    Err("--traced needs Linux on x86-64 or ARM64".to_owned())
}

/// The side that is traced.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod traced {
    use core::arch::asm;
    use std::hint::black_box;
    use std::ptr::NonNull;

    use super::ITERATIONS;
    use crate::candidate::{Calls, Candidate, Job};
    use crate::candidates::Visitor;
    use crate::owners::Owners;

    /// Opens a candidate and runs the loops.
    pub struct Loops;

    impl Visitor for Loops {
        type Output = ();

        fn visit<C: Candidate + 'static>(self, candidate: C) {
            candidate.enter(self);
        }
    }

    #[inline(always)]
    fn marker() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a traced process stops and goes on; nothing is read or written.
        unsafe {
            asm!("int3", options(nomem, nostack, preserves_flags));
        };
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a hint without a meaning, which does nothing, and which the emulator's log shows.
        unsafe {
            asm!("hint #127", options(nomem, nostack, preserves_flags));
        };
    }

    impl Job for Loops {
        fn run<C: Calls>(self, calls: C) {
            let mut blocks = vec![NonNull::dangling().as_ptr(); ITERATIONS];
            warm_up(calls);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the parent traces this process; without it the first marker ends it, which the parent reports.
            unsafe {
                libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0)
            };
            let dummy = black_box(NonNull::<u8>::dangling().as_ptr());
            // malloc: the loop, then the loop with the call.
            section(blocks.iter_mut(), |slot| *slot = black_box(dummy));
            section(blocks.iter_mut(), |slot| *slot = black_box(calls.malloc(64)));
            // free
            section(blocks.iter(), |&block| _ = black_box(block));
            section(blocks.iter(), |&block| {
                // SAFETY: the loop before last allocated it, and it is freed once.
                unsafe { calls.free(black_box(block)) };
            });
            // a tight pair
            section(0..ITERATIONS, |_| _ = black_box(dummy));
            section(0..ITERATIONS, |_| {
                let block = black_box(calls.malloc(64));
                // SAFETY: the block was just allocated.
                unsafe { calls.free(block) };
            });
            // a box
            section(0..ITERATIONS, |_| ());
            section(0..ITERATIONS, |number| {
                let boxed = calls.owners().boxed([number as u64; 8]);
                black_box(&boxed);
                drop(boxed);
            });
        }
    }

    #[inline(always)]
    fn section<T>(items: impl Iterator<Item = T>, mut step: impl FnMut(T)) {
        for item in items {
            marker();
            step(item);
        }
        marker();
    }

    /// Fills caches, and takes first-call paths out of the way.
    fn warm_up<C: Calls>(calls: C) {
        for _ in 0..4 {
            let blocks: Vec<*mut u8> = (0..4 * ITERATIONS).map(|_| calls.malloc(64)).collect();
            for block in blocks {
                // SAFETY: just allocated, freed once.
                unsafe { calls.free(block) };
            }
            for _ in 0..ITERATIONS {
                drop(black_box(calls.owners().boxed([0; 8])));
            }
        }
    }
}

/// The side that counts.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracer {
    use std::process::{Command, Stdio};
    use std::ptr::null_mut;

    use super::ITERATIONS;
    use crate::args::Args;
    use crate::results::Summary;

    /// What `si_code` is after a breakpoint instruction; a single step's is another.
    const SI_KERNEL: i32 = 0x80;

    /// Median and mean of malloc, free, a pair, a box; the loops' own instructions subtracted.
    pub fn trace(args: &Args, name: &str) -> Result<[(f64, f64); 4], String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["--traced", name])
            .args(args.for_child(&[name]))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let steps = step_through(libc::pid_t::try_from(child.id()).expect("process numbers are small"));
        // It has ended already, unless stepping failed; then it must not stay stopped for ever.
        drop(child.kill());
        drop(child.wait());
        let steps = steps?;
        let sections: Vec<&[usize]> = steps.chunks(ITERATIONS + 1).map(|section| &section[..ITERATIONS]).collect();
        let [no_malloc, malloc, no_free, free, no_pair, pair, no_box, boxed] = sections[..] else {
            return Err(format!("{} markers seen, {} expected", steps.len(), 8 * (ITERATIONS + 1)));
        };
        Ok([subtract(malloc, no_malloc), subtract(free, no_free), subtract(pair, no_pair), subtract(boxed, no_box)])
    }

    /// Median and mean of `counts` without the median of `base`.
    fn subtract(counts: &[usize], base: &[usize]) -> (f64, f64) {
        let median = |counts: &[usize]| Summary::of(counts.iter().map(|&count| count as f64).collect()).median;
        let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        (median(counts) - median(base), mean - median(base))
    }

    /// Steps the child to its end: for each marker, the instructions from it to the next one (or to the end, for the last).
    fn step_through(pid: libc::pid_t) -> Result<Vec<usize>, String> {
        let mut steps: Vec<usize> = Vec::new();
        let mut status = 0;
        // Stepping stops after the last marker: what the program does at its end is long, and nobody's business here.
        while steps.len() < 8 * (ITERATIONS + 1) {
            // SAFETY: `status` is valid for the write; the process is our child.
            if unsafe { libc::waitpid(pid, &mut status, 0) } != pid {
                return Err("the traced process is gone".to_owned());
            }
            if !libc::WIFSTOPPED(status) {
                return Err(format!("the traced process ended early, with status {status:#x}"));
            }
            let at_marker = libc::WSTOPSIG(status) == libc::SIGTRAP && signal_code(pid)? == SI_KERNEL;
            match steps.last_mut() {
                _ if at_marker => steps.push(0),
                Some(last) => *last += 1,
                None => {}
            }
            // SAFETY: the child is stopped and traced by this thread, which started it.
            if unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, pid, 0, 0) } != 0 {
                return Err(format!("cannot step: {}", std::io::Error::last_os_error()));
            }
        }
        Ok(steps)
    }

    fn signal_code(pid: libc::pid_t) -> Result<i32, String> {
        // SAFETY: all zeros are a valid `siginfo_t`.
        let mut info: libc::siginfo_t = unsafe { core::mem::zeroed() };
        // SAFETY: the child is stopped and traced by this thread; `info` is valid for the write.
        let done = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, pid, null_mut::<u8>(), &raw mut info) };
        if done == 0 { Ok(info.si_code) } else { Err(format!("no signal: {}", std::io::Error::last_os_error())) }
    }
}
