//! Names that features add, in a program that has not asked for them.
use smarena::LeaseFramed;
use smarena::record::Recorder;

fn main() {
    smarena::ffi::sm_allocator_create(8, 1 << 20);
}
