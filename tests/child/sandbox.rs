//! What a sandbox does to a process, which does not get out of it again: for children.

/// From now on the system refuses one of its calls to this process, as sandboxes do.
pub(crate) fn refuse(call: libc::c_long) {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // The call's number; is it that one? An error, or else it is allowed.
    let mut program = [
        step(0x20, 0, 0, 0),
        step(0x15, 0, 1, u32::try_from(call).unwrap()),
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: takes plain numbers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a valid filter of four steps.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) }, 0);
}
