// An allocator that lives until its owner and everybody who has a block of it are done.

using System;
using System.Threading;

namespace Smmalloc
{
    /// <summary>
    /// Counts who needs a native allocator, and destroys it after the last. A <c>SafeHandle</c> would do the same with twice the work
    /// for each block, and is no help here: one that is disposed of but still held takes further holders.
    /// </summary>
    internal sealed class SharedAllocator
    {
        /// <summary>What the count is set to at the end; no number of late comers makes it positive.</summary>
        private const long Destroyed = long.MinValue / 2;

        internal readonly IntPtr Pointer;
        // One for the owner, one for each block.
        private long holders = 1;
        private int closed;

        internal SharedAllocator(uint bucketsCount, int bucketSize)
        {
            SmmallocInstance.CheckBuckets(bucketsCount, bucketSize);
            Pointer = Native.sm_allocator_create(bucketsCount, (UIntPtr)bucketSize);
            if (Pointer == IntPtr.Zero)
                throw new OutOfMemoryException();
        }

        /// <summary>How many blocks there are.</summary>
        internal long Blocks => Math.Max(0, Interlocked.Read(ref holders) - 1 + Volatile.Read(ref closed));

        /// <summary>A block, whose holder gives it back by <see cref="Free"/>.</summary>
        internal IntPtr Malloc(int bytes)
        {
            Interlocked.Increment(ref holders);
            // Looked at after the count is up: until it is down again, nobody destroys.
            if (Volatile.Read(ref closed) != 0)
            {
                Release();
                throw new ObjectDisposedException(nameof(SmmallocMemoryPool));
            }
            IntPtr block = Native.sm_malloc(Pointer, (UIntPtr)bytes, UIntPtr.Zero);
            if (block == IntPtr.Zero)
            {
                Release();
                throw new OutOfMemoryException();
            }
            return block;
        }

        internal void Free(IntPtr block, int bytes)
        {
            Native.sm_free_sized(Pointer, block, (UIntPtr)bytes, UIntPtr.Zero);
            Release();
        }

        /// <summary>The owner is done: no more blocks.</summary>
        internal void Close()
        {
            if (Interlocked.Exchange(ref closed, 1) == 0)
                Release();
        }

        private void Release()
        {
            // Who was refused may come and go while the last one leaves: one of them destroys.
            if (Interlocked.Decrement(ref holders) == 0 && Interlocked.CompareExchange(ref holders, Destroyed, 0) == 0)
                Native.sm_allocator_destroy(Pointer);
        }
    }
}
