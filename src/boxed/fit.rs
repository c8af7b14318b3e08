//! Whether a type fits into a block of a heap, found out when the program is built.

use core::alloc::Layout;

use super::SmBox;
use crate::class::{MAX_ALIGN, SizeClasses, fits};
use crate::heap::HeapRef;
use crate::text::Text;

impl<T, H: HeapRef> SmBox<T, H> {
    /// Exists only if a block can hold a `T`. A function that mentions it builds for no other, and the compiler then shows
    /// the line that calls that function: hence the constructors that most programs call do.
    pub(super) const FITS: () = {
        let layout = Layout::new::<T>();
        // A value without bytes needs no block.
        if layout.size() > 0 && !fits(<H::Classes as SizeClasses>::BLOCK_SIZES, layout) {
            let says = Text::new("this type fits into no block of the heap: it has ").number(layout.size());
            let says = says.with(" bytes aligned to ").number(layout.align());
            let says = if layout.align() > MAX_ALIGN {
                says.with(", and no heap has blocks aligned to more than ").number(MAX_ALIGN).with(". Align it to less")
            } else {
                says.with(", and the largest blocks of the heap's table have ")
                    .number(H::Classes::LARGEST)
                    .with(". Give the heap a table with larger blocks, or put less into the box")
            };
            panic!("{}", says.as_str());
        }
    };

    /// The layout of every block allocated for a `T`. An associated constant, so that `allocate` sees a constant and no
    /// constructor can go around the check.
    pub(super) const LAYOUT: Layout = {
        let () = Self::FITS;
        Layout::new::<T>()
    };
}
