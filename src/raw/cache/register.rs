//! One register for a lane: a word that is loaded is addressed as it was stored.
//!
//! Of a lane whose class is known at run time only, the compiler would address a cursor once as cache and offset, once as their sum. The processor
//! then takes the two for different places until it has added up both: the load of the next call waits for the store of the last one to leave
//! its queue, instead of being handed the value. An address that the compiler knows nothing about is in one register, and stays there.
//!
//! On Intel's Sapphire Rapids that halved a pair: inlined 2.0 to 1.07 ns, behind a call 3.9 to 2.0, by reference 2.7 to 1.4. On AMD's Zen 4 it
//! changes nothing either way (docs/BENCHMARKS.md, "pair"). As many instructions, or one more where the class was known to the compiler.

/// The same pointer, of which the compiler does not know where it comes from. No instruction. Where there is no assembly, or a model runs: the
/// pointer as it is.
#[inline(always)]
pub(super) fn in_one_register<T>(pointer: *const T) -> *const T {
    #[cfg(all(
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "arm",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "s390x"
        ),
        not(any(loom, shuttle, miri))
    ))]
    #[expect(clippy::pointers_in_nomem_asm_block, reason = "nothing reads or writes what it points to")]
    let pointer = {
        let mut pointer = pointer;
        // SAFETY: I5: not an instruction: the pointer comes out as it went in.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags));
        }
        pointer
    };
    pointer
}
