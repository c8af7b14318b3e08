//! Recordings of programs that are not written in Rust: what the environment variable `SMMALLOC_RECORD` asks for.

use core::ptr::NonNull;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::sync::OnceLock;

use crate::heap::noted::{Note, Noted};
use crate::record::{Log, process};

static LOG: Log = Log::new();
/// The file's name and the file, if one was asked for and can be had. Decided when the first allocator is created.
static TARGET: OnceLock<Option<(OsString, File)>> = OnceLock::new();

/// What notes all calls of an allocator that is created now, if they are to be recorded.
pub(super) fn asked_for() -> Option<Note> {
    // Before the file is opened: a child of a fork meanwhile does not wait for the thread that opens it, which it does not have.
    process::tell_apart();
    (!in_child() && TARGET.get_or_init(begin).is_some()).then_some(note as Note)
}

/// Whether this is the child of a process that may record: the file is the parent's.
fn in_child() -> bool {
    process::number() > 0
}

fn note(block: NonNull<u8>, size: usize, align: usize, noted: Noted) {
    if !in_child() {
        LOG.note(block.addr().get(), size, align, noted);
    }
}

/// Opens the file at once, so that a wrong name is said before the program has run for an hour.
fn begin() -> Option<(OsString, File)> {
    let name = std::env::var_os("SMMALLOC_RECORD").filter(|name| !name.is_empty())?;
    let name = match name.to_str() {
        Some(text) => text.replace("%p", &std::process::id().to_string()).into(),
        None => name,
    };
    if has_more_rights_than_its_caller() {
        complain(&name, &io::Error::other("this program has rights that who started it has not"));
        return None;
    }
    let file = File::create(&name).map_err(|error| complain(&name, &error)).ok()?;
    // SAFETY: I10: the function does not unwind and uses statics alone; a library that has been used stays mapped.
    if unsafe { libc::atexit(end) } != 0 {
        complain(&name, &io::Error::from(io::ErrorKind::OutOfMemory));
        return None;
    }
    Some((name, file))
}

/// Whether this program runs with the rights of its file's owner, say (set-user-ID): who started it may name no file for it to write.
fn has_more_rights_than_its_caller() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: I10: no precondition.
    return unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    #[cfg(not(target_os = "linux"))]
    {
        // SAFETY: I10: four functions without preconditions.
        let [user, real_user] = [libc::geteuid, libc::getuid].map(|id| unsafe { id() });
        // SAFETY: I10: as above.
        let [group, real_group] = [libc::getegid, libc::getgid].map(|id| unsafe { id() });
        (user, group) != (real_user, real_group)
    }
}

/// When the program ends by `exit` or by returning from `main`.
extern "C" fn end() {
    let Some(Some((name, file))) = TARGET.get().filter(|_| !in_child()) else { return };
    if let Err(error) = LOG.recording().save(file) {
        complain(name, &error);
    }
}

/// Says on standard error what is wrong; if that cannot be had either, nobody can be told.
fn complain(name: &OsString, error: &io::Error) {
    let _told = writeln!(io::stderr(), "smmalloc: SMMALLOC_RECORD={}: no recording: {error}", name.to_string_lossy());
}
