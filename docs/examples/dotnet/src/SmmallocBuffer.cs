// A block as a SafeHandle.

using System;
using System.Runtime.InteropServices;

namespace Smmalloc
{
    /// <summary>
    /// A block of native memory as a <see cref="SafeBuffer"/>: reads and writes check their bounds, native functions take it as an argument, an
    /// <c>UnmanagedMemoryStream</c> goes over it, and it is freed when it is disposed of or, if that was forgotten, by its finalizer.
    /// The collector is told of buffers of a megabyte and more (Mono's does not listen).
    /// </summary>
    /// <remarks>Do not call <c>Initialize</c> again: a <see cref="SafeBuffer"/> believes whatever length it is told.</remarks>
    public sealed class SmmallocBuffer : SafeBuffer
    {
        /// <summary>
        /// Bytes from which on the collector is told. Not of each buffer: .NET collects by what it is told, whether or not it was given back since.
        /// </summary>
        private const int ToldFrom = 1024 * 1024;

        private readonly SharedAllocator allocator;
        private readonly int length;

        internal SmmallocBuffer(SharedAllocator allocator, int length) : base(ownsHandle: true)
        {
            this.allocator = allocator;
            this.length = length;
            SetHandle(allocator.Malloc(length));
            // Or a large one looks to the collector like any other, and waits as long.
            if (length >= ToldFrom)
                GC.AddMemoryPressure(length);
            Initialize((ulong)length);
        }

        /// <summary>Called by the base class, once.</summary>
        protected override bool ReleaseHandle()
        {
            allocator.Free(handle, length);
            if (length >= ToldFrom)
                GC.RemoveMemoryPressure(length);
            return true;
        }
    }
}
