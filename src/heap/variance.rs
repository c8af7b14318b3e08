//! Examples that must not compile: whatever holds a heap of one table, or a block of it, taken for one of another table.
//!
//! A type and its subtype may have tables of their own, and the compiler takes a value of the one for a value of the other wherever
//! a type's parameter is covariant. Each line below is two examples: in the first an owner stays what it is, or is taken for one with a
//! shorter borrow of its heap, so that owners by different borrows can be kept together; in the second all that has changed is the table.

macro_rules! invariant_in_the_table {
    ($shorter:literal: $($name:ident = $owner:literal;)+) => {$(
        /// Compiles:
        ///
        /// ```
        #[doc = invariant_in_the_table!(@ $owner)]
        #[doc = concat!("fn same<'h>(owner: Owner<'static, One>, _: &'h ()) -> Owner<", $shorter, ", One> {")]
        ///     owner
        /// }
        /// ```
        ///
        /// Does not compile:
        ///
        /// ```compile_fail,E0308
        #[doc = invariant_in_the_table!(@ $owner)]
        #[doc = concat!("fn other<'h>(owner: Owner<'static, One>, _: &'h ()) -> Owner<", $shorter, ", Other> {")]
        ///     owner
        /// }
        /// ```
        pub struct $name;
    )+};
    (@ $owner:literal) => {
        concat!(
            "#![allow(unused, type_alias_bounds, coherence_leak_check)]
            use smarena::class::{Class, SizeTable, Table};
            use smarena::*;
            #[derive(Clone, Copy)]
            pub struct Sizes<F>(std::marker::PhantomData<F>);
            pub type One = Sizes<for<'a> fn(&'a ())>; // a subtype of the other
            pub type Other = Sizes<fn(&'static ())>;
            impl SizeTable for One { const TABLE: Table = Table::listed(&[16, 32]); }
            impl SizeTable for Other { const TABLE: Table = Table::listed(&[16, 1024]); }
            type Owner<'h, C: SizeTable> = ",
            $owner,
            ";"
        )
    };
}

invariant_in_the_table! { "'h":
    OfHeap = "&'h Heap<C>";
    OfSharedHeap = "(&'h (), std::sync::Arc<Heap<C>>)";
    OfHeapBuilder = "(&'h (), HeapBuilder<C>)";
    OfSettings = "(&'h (), Settings<C>)";
    OfClass = "(&'h (), Class<C>)";
    OfThreadCache = "ThreadCache<'h, C>";
    OfSmBox = "SmBox<u8, &'h Heap<C>>";
    OfSmBuf = "SmBuf<&'h Heap<C>>";
    OfSmBytes = "SmBytes<&'h Heap<C>>";
    OfSmArena = "SmArena<u8, &'h Heap<C>>";
    OfIntoIter = "IntoIter<u8, &'h Heap<C>>";
    OfSharedArena = "SharedArena<u8, &'h Heap<C>>";
}

// These have cells or an associated type inside, and so keep the borrow that they were made with.
invariant_in_the_table! { "'static":
    OfSmChain = "SmChain<&'h Heap<C>>";
    OfBufPool = "BufPool<&'h Heap<C>>";
    OfLease = "Lease<&'h Heap<C>>";
    OfBatch = "Batch<'h, &'h Heap<C>>";
    OfPoolHeap = "PoolHeap<&'h Heap<C>>";
    OfFrozenLease = "SmBytes<PoolHeap<&'h Heap<C>>>";
}
