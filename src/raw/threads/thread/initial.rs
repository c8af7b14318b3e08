//! This thread's offset once more, in a variable that a shared library finds without a call.
//!
//! Stable Rust compiles every thread-local of a shared library to a call of the dynamic linker. This one is of the "initial-exec" model: two
//! loads. For it the linker must find room in a part of each thread's memory that is set aside when the program starts; the C library keeps
//! some to spare for libraries that are opened later. Measurements of this and of the other models are in docs/BENCHMARKS.md.

core::arch::global_asm!(
    ".pushsection .tbss.smarena_offset, \"awT\", @nobits",
    ".hidden smarena_offset",
    ".globl smarena_offset",
    ".type smarena_offset, @object",
    ".size smarena_offset, 8",
    ".p2align 3",
    "smarena_offset:",
    ".zero 8",
    ".popsection",
);

#[inline(always)]
pub(super) fn get() -> usize {
    let offset;
    // SAFETY: I5: reads this thread's own variable, which only `set` writes.
    unsafe {
        core::arch::asm!(
            "mov {offset}, qword ptr [rip + smarena_offset@gottpoff]",
            "mov {offset}, qword ptr fs:[{offset}]",
            offset = out(reg) offset,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    offset
}

pub(super) fn set(offset: usize) {
    // SAFETY: I5: writes this thread's own variable.
    unsafe {
        core::arch::asm!(
            "mov {place}, qword ptr [rip + smarena_offset@gottpoff]",
            "mov qword ptr fs:[{place}], {offset}",
            place = out(reg) _,
            offset = in(reg) offset,
            options(nostack, preserves_flags),
        );
    }
}
