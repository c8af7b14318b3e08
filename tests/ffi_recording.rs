//! Recordings that an environment variable asks the C interface for.
#![cfg(all(unix, not(miri)))]
#![expect(unsafe_code, reason = "the C interface is what is tested")]

mod child;

use std::ffi::c_void;
use std::path::PathBuf;
use std::process::Output;
use std::ptr::null_mut;

use smarena::ffi::*;
use smarena::record::{Event, Recording};

/// A file of this test's own, which is not there.
fn file_of(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("smarena-{test}-{}.bin", std::process::id()))
}

/// Runs `program` in a child whose calls are to be recorded in `name`.
fn recorded(test: &str, name: &str, program: fn(*mut c_void)) -> Output {
    child::in_child_under(&["env", &format!("SMMALLOC_RECORD={name}")], test, || {
        let allocator = sm_allocator_create(8, 1 << 20);
        assert!(!allocator.is_null());
        program(allocator);
    })
}

/// What was recorded of `program`, which ended well.
fn recording(test: &str, program: fn(*mut c_void)) -> Recording {
    let file = file_of(test);
    let output = recorded(test, file.to_str().unwrap(), program);
    assert!(output.status.success(), "{output:?}");
    let recording = Recording::load(std::fs::File::open(&file).unwrap()).unwrap();
    std::fs::remove_file(file).unwrap();
    recording
}

fn each_call(allocator: *mut c_void) {
    // SAFETY: a live allocator, and its live blocks, each given back once.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one program")]
    unsafe {
        sm_allocator_thread_cache_create(allocator, 2, 100);
        let first = sm_malloc(allocator, 20, 0);
        assert!(sm_malloc(allocator, 10, 3).is_null());
        let second = sm_malloc(allocator, 5000, 64);
        sm_free(allocator, first);
        let third = sm_realloc(allocator, null_mut(), 30, 32);
        let stays = sm_realloc(allocator, third, 31, 0);
        assert!(sm_realloc(allocator, stays, usize::MAX, 0).is_null());
        let moved = sm_realloc(allocator, stays, 100, 0);
        sm_free_sized(allocator, moved, 100, 0);
        let mut batch = [second, null_mut(), sm_malloc(allocator, 0, 0)];
        sm_free_batch(allocator, batch.as_mut_ptr(), batch.len());
        assert!(sm_realloc(allocator, sm_malloc(allocator, 8, 0), 0, 0).is_null());
    }
}

#[test]
fn each_call_is_recorded_with_what_it_said() {
    let recording = recording("each_call_is_recorded_with_what_it_said", each_call);
    let events = recording.events().iter().map(|&Event { size, align, freed, .. }| (freed, size, align));
    let (given, back) = (false, true);
    let expected = [
        (given, 20, 16),
        (given, 5000, 64),
        (back, 0, 1),
        (given, 30, 32),
        (back, 0, 1),
        (given, 31, 16),
        (back, 0, 1),
        (given, 100, 16),
        (back, 100, 1),
        (given, 0, 16),
        (back, 0, 1),
        (back, 0, 1),
        (given, 8, 16),
        (back, 0, 1),
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected);
    assert_eq!(recording.lifetimes().freed, 7, "each is one of a block that was handed out");
}

#[test]
fn threads_and_allocators_share_a_recording_and_a_forks_child_has_none() {
    let recording = recording("threads_and_allocators_share_a_recording_and_a_forks_child_has_none", |first| {
        let second = sm_allocator_create(64, 1 << 20);
        // SAFETY: a live allocator, and its block.
        let take = |allocator| unsafe { sm_malloc(allocator, 100, 0) };
        // SAFETY: as above, and given back once.
        let give = |allocator, block| unsafe { sm_free(allocator, block) };
        let block = take(first);
        let (address, at) = (first.expose_provenance(), block.expose_provenance());
        let there = std::thread::spawn(move || {
            let pointer = std::ptr::with_exposed_provenance_mut;
            give(pointer(address), pointer(at));
        });
        there.join().unwrap();
        // SAFETY: nothing else runs in the child but this closure.
        let forked = unsafe { libc::fork() };
        let block = take(second);
        if forked == 0 {
            (0..1000).for_each(|_| give(first, take(first)));
            // SAFETY: the process ends as a program does.
            unsafe { libc::exit(0) };
        }
        let mut status = 1;
        // SAFETY: a child of ours, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        assert_eq!(status, 0);
        give(second, block);
    });
    assert_eq!((recording.allocations(), recording.events().len()), (2, 4));
    assert_eq!((recording.lifetimes().freed, recording.lifetimes().remote), (2, 1));
}

/// A thread is in the middle of opening the file: a pipe, which opens when somebody reads it.
#[cfg(target_os = "linux")]
#[test]
fn a_forks_child_does_not_wait_for_the_file_that_a_thread_opens() {
    let test = "a_forks_child_does_not_wait_for_the_file_that_a_thread_opens";
    let pipe = file_of(test);
    let output = child::in_child_under(&["env", &format!("SMMALLOC_RECORD={}", pipe.display())], test, || {
        let pipe = std::env::var("SMMALLOC_RECORD").unwrap();
        let name = std::ffi::CString::new(pipe.clone()).unwrap();
        // SAFETY: a name that ends in a zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let (tell, told) = std::sync::mpsc::channel();
        let opener = std::thread::spawn(move || {
            // SAFETY: no precondition.
            tell.send(unsafe { libc::gettid() }).unwrap();
            sm_allocator_create(8, 1 << 20).expose_provenance()
        });
        let call = format!("/proc/self/task/{}/syscall", told.recv().unwrap());
        let opens = [
            libc::SYS_openat,
            // musl's, where there is such a call.
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open,
        ];
        let opens = opens.map(|call| format!("{call} "));
        while !opens.iter().any(|opens| std::fs::read_to_string(&call).unwrap().starts_with(opens)) {
            std::thread::yield_now();
        }
        // SAFETY: the child does what this test is about, and ends.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            // SAFETY: no precondition: a child that waits for ever is ended.
            unsafe { libc::alarm(30) };
            let allocator = sm_allocator_create(8, 1 << 20);
            // SAFETY: a live allocator, or null.
            let good = !unsafe { sm_malloc(allocator, 100, 0) }.is_null();
            // SAFETY: the process ends as a program does.
            unsafe { libc::exit(i32::from(!good)) }
        }
        let mut status = 1;
        // SAFETY: a child of ours, and a place for its status.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        assert_eq!(status, 0, "the child ended so");
        let reader = std::fs::File::open(&pipe).unwrap();
        assert_ne!(opener.join().unwrap(), 0);
        std::fs::remove_file(pipe).unwrap();
        // What is recorded goes into the pipe, and nowhere if nobody reads it; the reader stays until then.
        let _reader = std::mem::ManuallyDrop::new(reader);
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_file_may_be_named_after_the_process() {
    let name = |process: &str| std::env::temp_dir().join(format!("smarena-named-{process}.bin"));
    let program = |allocator| {
        eprintln!("id={}=", std::process::id());
        // SAFETY: a live allocator.
        assert!(!unsafe { sm_malloc(allocator, 10, 0) }.is_null());
    };
    let output = recorded("the_file_may_be_named_after_the_process", name("%p").to_str().unwrap(), program);
    let said = String::from_utf8(output.stderr).unwrap();
    let file = name(said.split('=').nth(1).unwrap());
    assert_eq!(Recording::load(std::fs::File::open(&file).unwrap()).unwrap().allocations(), 1);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_file_that_cannot_be_had_is_said_and_the_program_goes_on() {
    let test = "a_file_that_cannot_be_had_is_said_and_the_program_goes_on";
    let name = file_of(test).join("no/such/folder");
    let output = recorded(test, name.to_str().unwrap(), each_call);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("smmalloc: SMMALLOC_RECORD={}: no recording: ", name.display())), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_is_said() {
    let output = recorded("a_file_that_cannot_be_written_is_said", "/dev/full", each_call);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("smmalloc: SMMALLOC_RECORD=/dev/full: no recording: No space left"), "{said}");
}

/// As a program of root's would be that everybody may run: who runs it must not have it write where root may.
#[cfg(target_os = "linux")]
#[test]
fn a_program_with_rights_that_its_caller_has_not_is_not_recorded() {
    use std::os::unix::fs::{PermissionsExt, chown};

    const NOBODY: u32 = 65534;
    let test = "a_program_with_rights_that_its_caller_has_not_is_not_recorded";
    let (program, file) = (file_of(test).with_extension("program"), file_of(test));
    let body = || {
        // SAFETY: no precondition.
        eprintln!("secure={}", unsafe { libc::getauxval(libc::AT_SECURE) });
        each_call(sm_allocator_create(8, 1 << 20));
    };
    let is_child = std::env::var_os("SMMALLOC_RECORD").is_some();
    if !is_child {
        // Another user's, and run with that one's rights.
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let is_given = chown(&program, Some(NOBODY), None).is_ok();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(if is_given { 0o4755 } else { 0o755 })).unwrap();
    }
    let recorded = format!("SMMALLOC_RECORD={}", file.display());
    let output = child::in_child_under(&["env", &recorded, program.to_str().unwrap()], test, body);
    std::fs::remove_file(program).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("secure=0") {
        let _removed = std::fs::remove_file(file);
        return eprintln!("SKIPPED: not root, or no such rights where temporary files are");
    }
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no recording: ") && !file.exists(), "{said}");
}
