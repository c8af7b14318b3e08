//! Thread identity: this thread's slot, how it gets one, and what happens when it ends.
//!
//! A thread holds no pointer to any cache, only its slot's offset; `table + offset` is its cache in a given heap. So nothing
//! can dangle when a heap goes. The offset is 0 before the thread's first slow path, after its end has begun, and for
//! threads beyond the last slot: they find table slot 0, which is empty and full for ever (I6), and go the slow way.

#[cfg(all(feature = "capi", target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(any(loom, miri))))]
mod initial;
#[cfg(not(all(
    feature = "capi",
    target_arch = "x86_64",
    target_os = "linux",
    target_env = "gnu",
    not(any(loom, miri))
)))]
mod initial {
    //! No variable but the ordinary one.

    #[cfg(feature = "capi")]
    pub(super) fn get() -> usize {
        super::offset()
    }

    pub(super) fn set(_: usize) {}
}

#[cfg(all(windows, not(any(loom, miri))))]
mod windows;

use core::cell::Cell;

use crate::raw::cache::Cache;
use crate::raw::testing::refusal;
use crate::raw::threads::cache_slot::STRIDE;
use crate::raw::threads::registry::Registry;
use crate::raw::threads::shortcut::{RawShortcut, Shortcuts};
#[cfg(shuttle)]
use crate::sync::LocalCell;

/// All live heaps and thread slots of this process.
#[cfg(not(any(loom, shuttle)))]
pub(crate) static REGISTRY: Registry = Registry::new();
#[cfg(any(loom, shuttle))]
crate::sync::lazy_static! {
    pub(crate) static ref REGISTRY: Registry = Registry::new();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Has not needed a slot yet.
    New,
    /// Has this slot.
    Registered(usize),
    /// As `Registered`, but the thread is ending: no more caches in its own memory, which will soon be gone.
    Ending(usize),
    /// There was no slot: tries again when there is one.
    Waiting,
    /// The thread's end is over, or would not be noticed: never tries again.
    Ended,
}

/// What a thread knows of itself. Where its destructor is the thread's end, no other thread-local is believed there: where the compiler has
/// none of its own (`NATIVE`), each of them is gone at a moment of its own, and would be made anew.
struct This {
    phase: Cell<Phase>,
    /// `ThreadCache` guards alive on this thread that point to its slot: while there is one, its cache must stay this thread's.
    guards: Cell<usize>,
    /// Its shortcuts to the caches of static heaps.
    shortcuts: Shortcuts,
}

/// Whether thread-locals lie in the thread's own memory and, without a destructor, stay as long as the thread runs. Elsewhere the standard
/// library makes each of them of a key and a box, and frees the box in the midst of the thread's end. Systems that are not named here count
/// as such: theirs may be of either kind.
pub(crate) const NATIVE: bool = cfg!(any(
    target_os = "linux",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    all(windows, any(target_env = "msvc", target_abi = "llvm"))
));

crate::sync::thread_local! {
    // Const and without a destructor: one plain load, and usable at any moment of a thread's life.
    static OFFSET: Cell<usize> = const { Cell::new(0) };
    static THIS: This = const { This { phase: Cell::new(Phase::New), guards: Cell::new(0), shortcuts: Shortcuts::none() } };
}

/// Where this thread's cache lies in every table; 0 without a slot.
#[inline(always)]
pub(crate) fn offset() -> usize {
    // Not `get`, which in builds with many codegen units stays a call.
    OFFSET.try_with(Cell::get).unwrap_or(0)
}

/// As `offset`, for functions that a shared library exports.
///
/// Such a library finds an ordinary thread-local by a call to the dynamic linker, which costs more than the rest of a fast path. Not for
/// code that may be inlined into another library, which would not find the variable.
#[cfg(feature = "capi")]
#[inline(always)]
pub(crate) fn library_offset() -> usize {
    initial::get()
}

fn set_offset(offset: usize) {
    OFFSET.set(offset);
    initial::set(offset);
}

/// What this thread is in. When `THIS` is gone, or made anew, the offset still says which slot is its for ever, since a guard points there.
fn phase() -> Phase {
    match (THIS.try_with(|this| this.phase.get()), offset() / STRIDE) {
        (Ok(Phase::New) | Err(_), slot @ 1..) => Phase::Ending(slot),
        (phase, _) => phase.unwrap_or(Phase::Ended),
    }
}

/// This thread's slot, if it has one.
pub(crate) fn current() -> Option<usize> {
    match phase() {
        Phase::Registered(slot) | Phase::Ending(slot) => Some(slot),
        _ => None,
    }
}

/// From now on, this thread's `shortcut` leads to its `cache`, as long as it has its slot.
pub(crate) fn lead(shortcut: &RawShortcut, cache: &Cache) {
    // Whose slot stays its own beyond that, for a guard's sake, has none from then on.
    let _ = THIS.try_with(|this| this.shortcuts.lead(shortcut, cache));
}

/// This thread's slot, claimed now if it has none yet; `None` if it cannot have one.
pub(crate) fn enter() -> Option<usize> {
    match phase() {
        Phase::Registered(slot) | Phase::Ending(slot) => Some(slot),
        Phase::Waiting if !REGISTRY.has_free_slots() => None,
        Phase::Ended => None,
        Phase::New | Phase::Waiting => {
            // Should arranging the end allocate through us, that call must not come here again.
            set_phase(Phase::Ended);
            if refusal::due() || !at_end::arrange() {
                return None;
            }
            set_phase(Phase::Waiting);
            let slot = REGISTRY.claim_slot()?;
            set_offset(slot * STRIDE);
            set_phase(Phase::Registered(slot));
            Some(slot)
        }
    }
}

fn set_phase(phase: Phase) {
    THIS.with(|this| this.phase.set(phase));
}

/// Called before a heap is built, so that no thread is ever inside a lock of ours that a fork does not know of.
pub(crate) fn prepare() {
    at_end::prepare();
}

/// Notes that a guard on this thread holds a pointer to one of its caches, if it has a slot.
pub(crate) fn guard() {
    change_guards(1);
}

/// Notes that such a guard is gone.
pub(crate) fn unguard() {
    change_guards(-1);
}

fn change_guards(change: isize) {
    // Nobody counts any more when the end is over: then the slot is given up, or is this thread's for ever.
    let _ = THIS.try_with(|this| this.guards.set(this.guards.get().saturating_add_signed(change)));
}

/// The thread is ending: drains its caches in all heaps and gives up its slot.
///
/// Not the slot while a guard lives, in a thread-local that is destroyed later: false, ask again. A guard that was leaked keeps
/// the slot for ever; nobody else can then use the cache that the guard points to. What the caches hold goes back each time.
fn end(this: &This) -> bool {
    let (Phase::Registered(slot) | Phase::Ending(slot)) = this.phase.get() else {
        this.phase.set(Phase::Ended);
        return true;
    };
    if this.guards.get() > 0 {
        this.phase.set(Phase::Ending(slot));
        REGISTRY.release_kept(slot);
        return false;
    }
    set_offset(0);
    this.shortcuts.forget();
    this.phase.set(Phase::Ended);
    REGISTRY.release_slot(slot);
    true
}

/// Where there is no key of the C library, and where a key's destructor may come when `THIS` is gone.
#[cfg(all(
    any(
        not(unix),
        smarena_portable,
        miri,
        target_os = "android",
        target_os = "openbsd",
        target_os = "illumos",
        target_os = "solaris",
        target_os = "haiku"
    ),
    not(shuttle)
))]
impl Drop for This {
    fn drop(&mut self) {
        // When the process ends, what others held is held for ever, and everything goes as it is.
        if !crate::raw::os::is_last() {
            // With a guard still alive the slot is kept: a leak of one slot, never a shared cache.
            end(self);
        }
    }
}

/// Calls `end` when the thread ends, through a key of the C library: its destructors run after those of Rust's
/// thread-locals, so these still find their caches, and setting it allocates nothing through Rust.
#[cfg(all(unix, not(any(smarena_portable, miri)), not(shuttle)))]
mod at_end {
    use core::ffi::c_void;
    use core::ptr;

    use super::{REGISTRY, THIS, end};
    use crate::raw::os;
    use crate::sync::fixed::AtomicU64;
    use core::sync::atomic::Ordering;

    const UNMADE: u64 = u64::MAX;
    const REFUSED: u64 = u64::MAX - 1;
    /// How many keys are worth taking; 1 where their order is not known. Those of the GNU C library beyond these lie in tables that each thread
    /// has on the C library's heap, and a fork's child may inherit one that another thread was just freeing.
    const MOST_KEYS: usize = match () {
        () if cfg!(all(target_os = "linux", target_env = "gnu")) => 32,
        () if cfg!(all(target_os = "linux", target_env = "musl")) => 128,
        () => 1,
    };
    static KEY: AtomicU64 = AtomicU64::new(UNMADE);

    pub(super) fn arrange() -> bool {
        let key = prepare();
        key != REFUSED && set(key)
    }

    /// The key, made now if it is not there yet, and with it what a fork needs.
    pub(super) fn prepare() -> u64 {
        // Acquire pairs with the release below: a key that is seen has been made.
        let key = KEY.load(Ordering::Acquire);
        if key != UNMADE {
            return key;
        }
        pin();
        // Acquire and Release: pairs of the look above, which takes no lock.
        REGISTRY.lock.with(|| {
            if KEY.load(Ordering::Acquire) == UNMADE {
                KEY.store(make(), Ordering::Release);
            }
            KEY.load(Ordering::Acquire)
        })
    }

    fn make() -> u64 {
        let key = last_key();
        // SAFETY: I8: three functions without preconditions, which take and release locks.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
        // A type of its own on each system: by way of one that is none of them.
        key.and_then(|key| u64::try_from(usize::try_from(key).ok()?).ok()).unwrap_or(REFUSED)
    }

    /// The last of the keys worth taking, in the order in which the C library goes through them at a thread's end.
    ///
    /// It goes through them a few times, as long as destructors set keys again. So a destructor may use a heap for the first time when
    /// `ended` would not be called any more, unless it comes behind others in each round. Keys are given out lowest first: all are taken until
    /// the last one comes, and given back at once.
    // By itself: its array shall not lie on the stack of every thread that comes by a slow path.
    #[cold]
    #[inline(never)]
    fn last_key() -> Option<libc::pthread_key_t> {
        let mut keys = [0; MOST_KEYS];
        let mut made = 0;
        for place in &mut keys {
            // SAFETY: I10: a valid place, and `ended` has the signature asked for.
            if unsafe { libc::pthread_key_create(place, Some(ended)) } != 0 {
                break;
            }
            made += 1;
            if usize::try_from(*place).is_ok_and(|key| key >= MOST_KEYS - 1) {
                break;
            }
        }
        let last = (0..made).max_by_key(|&index| keys[index])?;
        for (_, &key) in keys[..made].iter().enumerate().filter(|&(index, _)| index != last) {
            // SAFETY: I10: made above; no thread has set it.
            unsafe { libc::pthread_key_delete(key) };
        }
        Some(keys[last])
    }

    /// Keeps the shared library that this code lies in, if it does, mapped for ever: threads will call `ended`, whoever closes the
    /// library before. Not under a lock of ours, since the dynamic linker has its own.
    #[cfg(all(target_os = "linux", not(target_feature = "crt-static")))]
    fn pin() {
        let object = |address: *const c_void| {
            let mut object = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
            // SAFETY: I10: a valid place; any address may be asked about.
            unsafe { libc::dladdr(address, object.as_mut_ptr()) };
            // SAFETY: I10: null pointers, where `dladdr` has not written others, are valid.
            unsafe { object.assume_init() }
        };
        let ours = object((ended as unsafe extern "C" fn(*mut c_void)) as *const c_void);
        // SAFETY: I10: no precondition.
        let entry = unsafe { libc::getauxval(libc::AT_ENTRY) };
        // The program itself stays anyway, and to look for it by name would cost a search.
        if !ours.dli_fname.is_null()
            && ours.dli_fbase != object(ptr::without_provenance(usize::try_from(entry).unwrap_or(0))).dli_fbase
        {
            // SAFETY: I10: the linker's own name for a library that is loaded, since it executes this.
            unsafe { libc::dlopen(ours.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
        }
    }

    /// Where it is not known how, libraries must not be closed before the threads that used them have ended.
    #[cfg(not(all(target_os = "linux", not(target_feature = "crt-static"))))]
    fn pin() {}

    fn set(key: u64) -> bool {
        let mark = ptr::without_provenance::<c_void>(1);
        // SAFETY: I10: the key was made and is never deleted; any non-null value makes the destructor run.
        libc::pthread_key_t::try_from(key).is_ok_and(|key| unsafe { libc::pthread_setspecific(key, mark) == 0 })
    }

    unsafe extern "C" fn ended(_: *mut c_void) {
        if !THIS.with(end) {
            // Called again in the next of the few rounds that the C library makes, if it makes one.
            set(KEY.load(Ordering::Acquire));
        }
    }

    /// No other thread shall be inside the registry when the child gets its copy.
    unsafe extern "C" fn before_fork() {
        REGISTRY.before_fork();
        os::lock().acquire();
    }

    unsafe extern "C" fn after_fork() {
        os::lock().release();
        REGISTRY.after_fork();
    }

    /// The other threads' memory is not theirs any more.
    unsafe extern "C" fn in_child() {
        os::lock().reset();
        REGISTRY.in_child(super::current());
    }

    #[cfg(all(test, not(loom)))]
    mod tests {
        use super::{REGISTRY, after_fork, before_fork};

        #[test]
        fn a_fork_waits_for_the_registry_and_keeps_it() {
            // SAFETY: I10: as the C library calls it.
            unsafe { before_fork() };
            let held = [&REGISTRY.building, &REGISTRY.lock].map(|lock| lock.is_held());
            // SAFETY: I10: as the C library calls it.
            unsafe { after_fork() };
            assert_eq!(held, [true; 2]);
        }
    }
}

/// Calls `end` when the thread ends, through the destructor of `THIS`.
#[cfg(all(any(not(unix), smarena_portable, miri), not(shuttle)))]
mod at_end {
    use super::THIS;

    pub(super) fn arrange() -> bool {
        THIS.try_with(|_| ()).is_ok()
    }

    /// A fork is not prepared for: this form knows no such thing.
    pub(super) fn prepare() {
        #[cfg(all(windows, not(any(loom, miri))))]
        super::windows::pin();
    }
}

/// Threads of a schedule are none of the system's: they say themselves that they end.
#[cfg(shuttle)]
pub(crate) mod at_end {
    pub(super) fn arrange() -> bool {
        true
    }

    pub(super) fn prepare() {}

    #[cfg(test)]
    pub(crate) fn now() {
        super::THIS.with(super::end);
    }
}
