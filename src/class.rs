//! Size classes: which block sizes a heap has, and which one serves a layout. Arithmetic only.
//!
//! A table of block sizes is a *type*, known when the program is built. So the look-up from a size
//! to its class is a few instructions (none at all for a size known to the compiler), and a type
//! whose layout no block can hold is refused before the program runs.
//!
//! | table | block sizes | good for |
//! |---|---|---|
//! | [`Linear<N>`] | 16, 32, 48, ... `16 * N` | many small values of similar sizes |
//! | [`Piecewise<N>`] | by 16 to 128, by 128 to 1024, then by 512 | small values and packets |
//! | [`Geometric<N>`] | by 16 to 128, then four a doubling, to 2 MiB | anything: above 64 bytes less than a fifth of a block is unused |
//! | [`size_classes!`](crate::size_classes) | your own list | traffic whose sizes you know |
//!
//! Nothing here is `unsafe`, although the kernel's memory safety rests on these numbers: a [`Table`]
//! can only be made by the checked constructors beside it, and [`SizeClasses`], which is derived from the
//! table, cannot be implemented by hand. A table that lies is not a promise broken but a program that does not build.

pub(crate) mod table;

use core::alloc::Layout;
use core::marker::PhantomData;

use crate::derived::{copy, debug_by};
use crate::text::Text;
pub use table::Table;
use table::{GRAIN, LOOKED_UP};

/// The most size classes a table can have.
///
/// ```
/// assert_eq!(smarena::class::MAX_CLASSES, 64);
/// ```
pub const MAX_CLASSES: usize = 64;

/// The largest alignment a heap serves, in bytes.
///
/// ```
/// assert_eq!(smarena::class::MAX_ALIGN, 4096);
/// ```
pub const MAX_ALIGN: usize = 4096;

/// The largest block size a table can have, in bytes.
///
/// ```
/// assert_eq!(smarena::class::MAX_BLOCK_SIZE, 2 * 1024 * 1024);
/// ```
pub const MAX_BLOCK_SIZE: usize = 2 << 20;

/// A type that names a table. Implemented by the built-in tables and by [`size_classes!`](crate::size_classes).
///
/// It is safe to implement: whatever the [`Table`] is, it was checked. [`SizeClasses`] comes with it. A type and its subtype may have
/// different tables; what depends on a table takes no type for another (`docs/SAFETY.md`, "Types that stand for a heap").
///
/// ```
/// use smarena::{SizeClasses, class::{SizeTable, Table}};
///
/// #[derive(Clone, Copy)]
/// struct Messages;
/// impl SizeTable for Messages {
///     const TABLE: Table = Table::listed(&[128, 1024]);
/// }
/// assert_eq!(Messages::LARGEST, 1024);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no table of block sizes, as `Linear<N>` is, or what `size_classes!` makes"
)]
pub trait SizeTable: Copy + Send + Sync + 'static {
    /// The table.
    const TABLE: Table;
}

/// The size classes of a heap: what its code asks of a [`SizeTable`].
///
/// Every [`SizeTable`] has it and nothing else can: the numbers below always belong to a checked table.
///
/// ```
/// use smarena::{Geometric, SizeClasses};
///
/// assert_eq!(Geometric::<10>::BLOCK_SIZES[8..], [160, 192]);
/// assert_eq!(Geometric::<10>::LARGEST, 192);
/// assert_eq!(Geometric::<10>::class_of_size(161), 9);
/// ```
///
/// It cannot be implemented by hand:
///
/// ```compile_fail,E0119
/// use smarena::{SizeClasses, class::{SizeTable, Table}};
///
/// #[derive(Clone, Copy)]
/// struct Liar;
/// impl SizeTable for Liar {
///     const TABLE: Table = Table::listed(&[16]);
/// }
/// impl SizeClasses for Liar {
///     const BLOCK_SIZES: &'static [usize] = &[7];
///     const LARGEST: usize = 1 << 40;
///     fn class_of_size(_: usize) -> usize { 12 }
/// }
/// ```
pub trait SizeClasses: SizeTable {
    /// Block sizes in bytes: ascending multiples of 16, 1 to 64 of them.
    const BLOCK_SIZES: &'static [usize];

    /// The largest block size in bytes: the last of `BLOCK_SIZES`.
    const LARGEST: usize;

    /// The smallest class whose blocks hold `size` bytes; size 0 is served by class 0.
    ///
    /// `size` is at most `LARGEST`, otherwise the answer is no class of the table (or the call panics).
    /// Up to 1024 bytes a look-up of three instructions; above at most eight for the built-in tables. Your own are looked up as quickly
    /// to 32 KiB, and then with a few instructions more; and they scan, if several block sizes lie within the same half KiB, or
    /// above 32 KiB the same quarter of a doubling, as `size`.
    fn class_of_size(size: usize) -> usize;
}

impl<C: SizeTable> SizeClasses for C {
    const BLOCK_SIZES: &'static [usize] = C::TABLE.block_sizes();
    const LARGEST: usize = Self::BLOCK_SIZES[Self::BLOCK_SIZES.len() - 1];

    #[inline(always)]
    fn class_of_size(size: usize) -> usize {
        debug_assert!(size <= Self::LARGEST);
        // Behind a reference, so that a listed table's array is read where it lies and not copied to the stack.
        const { &C::TABLE }.class_of_size(size)
    }
}

/// The number of classes of a built-in table, if it can have so many.
const fn classes(table: &str, classes: usize, most: usize) -> usize {
    if classes < 1 || classes > most {
        let says = Text::new(table)
            .with("<")
            .number(classes)
            .with(">: such a table has 1 to ")
            .number(most)
            .with(" block sizes");
        panic!("{}", says.as_str());
    }
    classes
}

/// Blocks of 16, 32, 48, ... `16 * N` bytes; `N` is 1 to 64.
///
/// ```
/// use smarena::{Linear, SizeClasses};
///
/// assert_eq!(Linear::<4>::BLOCK_SIZES, [16, 32, 48, 64]);
/// assert_eq!(Linear::<64>::LARGEST, 1024);
/// ```
///
/// A program with any other `N` does not build:
///
/// ```compile_fail,E0080
/// # use smarena::{Linear, SizeClasses};
/// let largest = Linear::<65>::LARGEST;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Linear<const N: usize>;

impl<const N: usize> SizeTable for Linear<N> {
    const TABLE: Table = Table::linear(classes("Linear", N, 64));
}

/// Blocks of 16 to 128 bytes by 16, to 1024 by 128, then by 512; `N` is 1 to 62.
///
/// ```
/// use smarena::{Piecewise, SizeClasses};
///
/// assert_eq!(Piecewise::<17>::BLOCK_SIZES[6..], [112, 128, 256, 384, 512, 640, 768, 896, 1024, 1536, 2048]);
/// assert_eq!(Piecewise::<62>::LARGEST, 25088);
/// ```
///
/// A program with any other `N` does not build:
///
/// ```compile_fail,E0080
/// # use smarena::{Piecewise, SizeClasses};
/// let largest = Piecewise::<63>::LARGEST;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Piecewise<const N: usize>;

impl<const N: usize> SizeTable for Piecewise<N> {
    const TABLE: Table = Table::piecewise(classes("Piecewise", N, 62));
}

/// Blocks of 16 to 128 bytes by 16, then four sizes a doubling, up to 2 MiB; `N` is 1 to 64.
///
/// ```
/// use smarena::{Geometric, SizeClasses};
///
/// assert_eq!(Geometric::<17>::BLOCK_SIZES[7..], [128, 160, 192, 224, 256, 320, 384, 448, 512, 640]);
/// assert_eq!(Geometric::<64>::LARGEST, 2 << 20);
/// ```
///
/// A program with any other `N` does not build:
///
/// ```compile_fail,E0080
/// # use smarena::{Geometric, SizeClasses};
/// let largest = Geometric::<0>::LARGEST;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Geometric<const N: usize>;

impl<const N: usize> SizeTable for Geometric<N> {
    const TABLE: Table = Table::geometric(classes("Geometric", N, 64));
}

/// Defines types for your own lists of block sizes, in bytes, separated by `;` if there are several.
///
/// The sizes are ascending multiples of 16, 1 to 64 of them, none above 2 MiB ([`Table::listed`](crate::class::Table::listed)).
///
/// ```
/// use smarena::SizeClasses;
///
/// smarena::size_classes! {
///     /// What our network sees.
///     pub Packets: [64, 256, 1536, 2048, 9216, 65536];
///     #[derive(PartialEq)]
///     Entities: [48, 4 * 48, 1024];
/// }
/// assert_eq!(Packets::BLOCK_SIZES, [64, 256, 1536, 2048, 9216, 65536]);
/// assert_eq!(Entities::class_of_size(100), 1);
/// ```
///
/// A list that cannot be a table does not compile, whether it is used or not:
///
/// ```compile_fail,E0080
/// smarena::size_classes! { Unsorted: [64, 1536, 256] }
/// ```
#[macro_export]
macro_rules! size_classes {
    ($($(#[$attribute:meta])* $vis:vis $name:ident : [$($block_size:expr),* $(,)?]);+ $(;)?) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy)]
        $vis struct $name;

        impl $crate::class::SizeTable for $name {
            const TABLE: $crate::class::Table = $crate::class::Table::listed(&[$($block_size),*]);
        }

        // Checks the list even if nothing uses the type.
        const _: $crate::class::Table = <$name as $crate::class::SizeTable>::TABLE;
    )+};
}

/// The smallest class whose blocks hold `size` bytes at a multiple of `align`, or `None` if the table has none.
///
/// `align` is a power of two. Up to 16 it asks for nothing, and this is [`SizeClasses::class_of_size`] behind one comparison;
/// above, the class is the first whose block size is a multiple of `align`, and beyond [`MAX_ALIGN`] there is none.
///
/// ```
/// use smarena::{class::class_for, Linear};
///
/// assert_eq!(class_for::<Linear<8>>(33, 8), Some(2)); // 48 bytes
/// assert_eq!(class_for::<Linear<8>>(33, 32), Some(3)); // 64 bytes: 48 is no multiple of 32
/// assert_eq!(class_for::<Linear<8>>(129, 8), None);
/// ```
#[inline(always)]
#[must_use]
pub fn class_for<C: SizeClasses>(size: usize, align: usize) -> Option<usize> {
    if align > GRAIN {
        return aligned_class_for::<C>(size, align);
    }
    // Small sizes first: theirs is the look-up that is one load, and so they pass by one comparison.
    if size <= LOOKED_UP && size <= C::LARGEST {
        return Some(C::class_of_size(size));
    }
    if size <= C::LARGEST { Some(C::class_of_size(size)) } else { None }
}

/// `class_for` where the alignment has a say.
#[inline]
fn aligned_class_for<C: SizeClasses>(size: usize, align: usize) -> Option<usize> {
    if size > C::LARGEST || align > MAX_ALIGN || !align.is_power_of_two() {
        return None;
    }
    // A block size that is a multiple of `align` is no smaller than the next such multiple: begin there.
    let size = (size + align - 1) & !(align - 1);
    if size > C::LARGEST {
        return None;
    }
    let mut class = C::class_of_size(size);
    while class < C::BLOCK_SIZES.len() {
        if C::BLOCK_SIZES[class] & (align - 1) == 0 {
            return Some(class);
        }
        class += 1;
    }
    None
}

/// A size class of the table `C`, found once for a layout that comes again and again.
///
/// It is what [`class_for`] finds, as a value that can only be a class of its table, so that a heap need not check it.
///
/// ```
/// use smarena::{Global, HeapRef, class::{Class, SizeTable}};
///
/// type Table = <Global as HeapRef>::Classes;
/// let class = Class::<Table>::holding(1500).unwrap();
/// assert_eq!(class.block_size(), 1536);
/// let block = Global.allocate_class(class)?;
/// // SAFETY: from the same heap, of the same class, once.
/// unsafe { Global.deallocate_class(block, class) };
/// # Ok::<(), smarena::AllocError>(())
/// ```
pub struct Class<C> {
    /// Less than the number of `C`'s classes.
    index: u8,
    /// Invariant, as a heap is: a number that belongs to this table belongs to no other.
    table: PhantomData<fn(C) -> C>,
}

impl<C: SizeClasses> Class<C> {
    /// The smallest class whose blocks hold `size` bytes, aligned to 16; `None` if the table has none.
    ///
    /// ```
    /// use smarena::{Linear, class::Class};
    ///
    /// assert_eq!(Class::<Linear<8>>::holding(33).map(Class::index), Some(2));
    /// assert!(Class::<Linear<8>>::holding(129).is_none());
    /// ```
    #[inline(always)]
    #[must_use]
    pub fn holding(size: usize) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        class_for::<C>(size, GRAIN).map(|class| Self { index: class as u8, table: PhantomData })
    }

    /// Its number in the table.
    ///
    /// ```
    /// # use smarena::{Linear, class::Class};
    /// assert_eq!(Class::<Linear<8>>::holding(0).unwrap().index(), 0);
    /// ```
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The bytes of its blocks.
    ///
    /// ```
    /// # use smarena::{Linear, class::Class};
    /// assert_eq!(Class::<Linear<8>>::holding(1).unwrap().block_size(), 16);
    /// ```
    #[inline(always)]
    #[must_use]
    pub const fn block_size(self) -> usize {
        C::BLOCK_SIZES[self.index as usize]
    }

    /// The layout that a whole block has: its bytes, aligned to 16.
    ///
    /// ```
    /// # use smarena::{Linear, class::Class};
    /// # use core::alloc::Layout;
    /// let layout = Class::<Linear<8>>::holding(40).unwrap().layout();
    /// assert_eq!((layout.size(), layout.align()), (48, 16));
    /// ```
    #[inline]
    #[must_use]
    pub const fn layout(self) -> Layout {
        match Layout::from_size_align(self.block_size(), GRAIN) {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        }
    }
}

copy! { [C] Class<C> }

impl<C> PartialEq for Class<C> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<C> Eq for Class<C> {}

debug_by! { [C: SizeClasses] Class<C> |class| finish { index: class.index, block_size: class.block_size() } }

/// The size in bytes of the block that serves `size` bytes at a multiple of `align`, or `None` if no class does.
///
/// What a growing buffer may as well ask for.
///
/// ```
/// use smarena::{class::round_up, Piecewise};
///
/// assert_eq!(round_up::<Piecewise<20>>(1200, 1), Some(1536));
/// assert_eq!(round_up::<Piecewise<20>>(0, 64), Some(64));
/// assert_eq!(round_up::<Piecewise<20>>(1 << 20, 1), None);
/// ```
#[inline(always)]
#[must_use]
pub fn round_up<C: SizeClasses>(size: usize, align: usize) -> Option<usize> {
    C::BLOCK_SIZES.get(class_for::<C>(size, align)?).copied()
}

/// Whether some block size in `block_sizes` serves `layout`.
///
/// ```
/// use core::alloc::Layout;
/// use smarena::{class::fits, Linear, SizeClasses};
///
/// assert!(fits(Linear::<8>::BLOCK_SIZES, Layout::new::<[u64; 16]>()));
/// assert!(!fits(Linear::<8>::BLOCK_SIZES, Layout::new::<[u64; 17]>()));
/// ```
#[must_use]
pub const fn fits(block_sizes: &[usize], layout: Layout) -> bool {
    if layout.align() > MAX_ALIGN {
        return false;
    }
    let mut class = 0;
    while class < block_sizes.len() {
        if block_sizes[class] >= layout.size() && block_sizes[class] % layout.align() == 0 {
            return true;
        }
        class += 1;
    }
    false
}

/// A program that calls it for a `T` that no block of the table `C` can hold does not build; `cargo check` does not look.
///
/// ```
/// use smarena::{class::check_fits, Linear};
///
/// check_fits::<Linear<8>, [u8; 128]>();
/// ```
///
/// ```compile_fail,E0080
/// # use smarena::{class::check_fits, Linear};
/// check_fits::<Linear<8>, [u8; 129]>();
/// ```
#[inline(always)]
pub const fn check_fits<C: SizeClasses, T>() {
    const {
        assert!(
            fits(C::BLOCK_SIZES, Layout::new::<T>()),
            "the type's layout fits no bucket of this heap's size classes"
        )
    }
}
