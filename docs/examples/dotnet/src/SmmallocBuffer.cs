// A block as a SafeHandle.

using System;
using System.Runtime.InteropServices;

namespace Smmalloc
{
    /// <summary>
    /// A block of native memory as a <see cref="SafeBuffer"/>: reads and writes check their bounds, native functions take it as an argument, an
    /// <c>UnmanagedMemoryStream</c> goes over it, and it is freed when it is disposed of or, if that was forgotten, by its finalizer.
    /// </summary>
    public sealed class SmmallocBuffer : SafeBuffer
    {
        private readonly SharedAllocator allocator;
        private readonly int length;

        internal SmmallocBuffer(SharedAllocator allocator, int length) : base(ownsHandle: true)
        {
            this.allocator = allocator;
            this.length = length;
            SetHandle(allocator.Malloc(length));
            Initialize((ulong)length);
        }

        /// <summary>Called by the base class, once.</summary>
        protected override bool ReleaseHandle()
        {
            allocator.Free(handle, length);
            return true;
        }
    }
}
