// The functions of docs/smmalloc.h. All their arguments are passed as they are: nothing is copied or converted on the way.

using System;
using System.Runtime.InteropServices;

#if NET7_0_OR_GREATER
// No stub is made at run time, as with source-generated imports.
[assembly: System.Runtime.CompilerServices.DisableRuntimeMarshalling]
#endif

namespace Smmalloc
{
    /// <summary>As in <c>smmalloc.h</c>; zero is the default of what is not set.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct SmOptions
    {
        internal UIntPtr size;
        internal uint bucketsCount, onExhausted;
        internal UIntPtr bucketSize;
        internal UIntPtr* bucketSizes;
        internal UIntPtr reserve, cacheBytes;
        internal uint flags, purgeAfter;
        internal byte* name;
        internal UIntPtr* blockSizes;
    }

    internal static unsafe class Native
    {
        private const string Library = "smmalloc";

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr sm_allocator_create(uint bucketsCount, UIntPtr bucketSize);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr sm_allocator_create_with(SmOptions* options);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_allocator_destroy(IntPtr allocator);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_allocator_thread_cache_create(IntPtr allocator, int warmup, UIntPtr cacheSize);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_allocator_thread_cache_destroy(IntPtr allocator);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int sm_allocator_statistics(IntPtr allocator, int bucket, SmmallocStatistics* statistics);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern UIntPtr sm_allocator_trim(IntPtr allocator);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr sm_malloc(IntPtr allocator, UIntPtr bytes, UIntPtr alignment);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_free(IntPtr allocator, IntPtr memory);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_free_sized(IntPtr allocator, IntPtr memory, UIntPtr bytes, UIntPtr alignment);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void sm_free_batch(IntPtr allocator, IntPtr* batch, UIntPtr length);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr sm_realloc(IntPtr allocator, IntPtr memory, UIntPtr bytes, UIntPtr alignment);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern UIntPtr sm_msize(IntPtr allocator, IntPtr memory);

        // It only looks, so it need not tell the collector that managed code is left. The others may wait: for the system, or, sm_msize of a
        // block of the system's, for a lock.
#if NET5_0_OR_GREATER
        [SuppressGCTransition]
#endif
        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int sm_mbucket(IntPtr allocator, IntPtr memory);
    }
}
