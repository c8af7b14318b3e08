//! From a box of a known type to one of a trait object or a slice.

/// Turns an [`SmBox`](crate::SmBox) of a type into one of `dyn Trait`, or one of an array into one of a slice: what `Box` does by itself, and on
/// stable Rust no other type can. The type it becomes is the one that is expected there, or is named behind `=>`.
///
/// The value stays where it is; O(1), no allocation.
///
/// ```
/// #![forbid(unsafe_code)]
/// use smarena::{SmBox, unsize};
/// use std::fmt::Display;
///
/// let mut shown: Vec<SmBox<dyn Display>> = vec![unsize!(SmBox::new(5)), unsize!(SmBox::new("five"))];
/// shown.push(unsize!(SmBox::new('5')));
/// assert_eq!(shown.iter().map(ToString::to_string).collect::<String>(), "5five5");
///
/// fn adds(summand: i32) -> SmBox<dyn Fn(i32) -> i32 + Send> {
///     unsize!(SmBox::new(move |number| number + summand))
/// }
/// assert_eq!(adds(2)(3), 5);
///
/// let slice = unsize!(SmBox::new([1, 2, 3]) => [i32]);
/// assert_eq!(slice.len(), 3);
/// ```
///
/// Only what the compiler itself coerces becomes another type:
///
/// ```compile_fail,E0277
/// # use smarena::{SmBox, unsize};
/// let shown: SmBox<dyn Fn()> = unsize!(SmBox::new(5));
/// ```
/// ```compile_fail,E0308
/// # use smarena::{SmBox, unsize};
/// let other: SmBox<u64> = unsize!(SmBox::new(5_i64));
/// ```
/// ```compile_fail,E0597
/// # use smarena::{SmBox, unsize};
/// # use std::fmt::Display;
/// let text = String::from("gone");
/// let shown: SmBox<dyn Display + 'static> = unsize!(SmBox::new(&text));
/// ```
/// The heap stays the one it is, also where its reference could be coerced to a reference to another heap:
///
/// ```compile_fail,E0308
/// # use smarena::{AllocError, Heap, HeapRef, Linear, ShareCount, SmBox, unsize};
/// # use std::{alloc::Layout, ops::Deref, ptr::NonNull};
/// struct Apart(Heap<Linear<8>>);
/// impl Deref for Apart {
///     type Target = Heap<Linear<8>>;
///     fn deref(&self) -> &Heap<Linear<8>> { &self.0 }
/// }
/// unsafe impl HeapRef for &Apart { // with blocks of its own
/// #   type Classes = Linear<8>;
/// #   fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> { loop {} }
/// #   unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) { loop {} }
/// #   unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> { loop {} }
/// #   unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> { loop {} }
///     // ...
/// }
/// fn shown<'h>(boxed: SmBox<u8, &'h Apart>) -> SmBox<dyn Send, &'h Heap<Linear<8>>> {
///     unsize!(boxed)
/// }
/// ```
#[macro_export]
macro_rules! unsize {
    ($boxed:expr) => {{
        // The heap in an array, so that no coercion makes a reference to another of it.
        unsafe fn boxed<T: ?Sized, H: $crate::HeapRef>(ptr: *mut T, [heap]: [H; 1]) -> $crate::SmBox<T, H> {
            // SAFETY: B1, B2: the caller's contract is the same.
            unsafe { $crate::SmBox::from_raw_in(ptr, heap) }
        }
        let (ptr, heap) = $crate::SmBox::into_raw_with_heap($boxed);
        let heap = [heap];
        // SAFETY: B1, B2: pointer and heap of one box, used once; all that has happened to the pointer is a coercion, which
        // keeps its address and gives it the value's own metadata.
        unsafe { boxed(ptr, heap) }
    }};
    ($boxed:expr => $type:ty) => {{
        let unsized_box: $crate::SmBox<$type, _> = $crate::unsize!($boxed);
        unsized_box
    }};
}
