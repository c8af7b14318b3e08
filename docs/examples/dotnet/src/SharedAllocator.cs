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
        // Each thread counts in one of a few cells, which lie apart, so that threads seldom wait for each other: how many entered, and, in
        // the place behind, how many left. By any thread: who leaves may count elsewhere.
        private const int Cells = 16;
        private const int CellLongs = 16;
        private const int Left = 1;

        internal readonly IntPtr Pointer;
        // One cell more: the array's length lies in front, which every thread reads.
        private readonly long[] counts = new long[(Cells + 1) * CellLongs];
        private int closed;
        private int destroyed;

        internal SharedAllocator(IntPtr pointer)
        {
            Pointer = pointer;
        }

        /// <summary>How many blocks there are.</summary>
        internal long Blocks
        {
            get
            {
                // Those who left first: whoever enters or leaves meanwhile makes it more than it was at any moment, never less.
                long left = Sum(Left);
                return Sum(0) - left;
            }
        }

        /// <summary>A block, whose holder gives it back by <see cref="Free"/>.</summary>
        internal IntPtr Malloc(int bytes)
        {
            Enter();
            IntPtr block = Native.sm_malloc(Pointer, (UIntPtr)bytes, UIntPtr.Zero);
            if (block == IntPtr.Zero)
            {
                Leave();
                throw SmmallocInstance.NoMemory(bytes);
            }
            return block;
        }

        internal void Free(IntPtr block, int bytes)
        {
            Native.sm_free_sized(Pointer, block, (UIntPtr)bytes, UIntPtr.Zero);
            Leave();
        }

        /// <summary>Keeps the allocator until <see cref="Leave"/>.</summary>
        internal void Enter()
        {
            Interlocked.Increment(ref Cell(0));
            // Looked at after the count is up, as `Close` counts after it has closed: one of the two sees the other.
            if (Volatile.Read(ref closed) == 0)
                return;
            Leave();
            throw new ObjectDisposedException(nameof(SmmallocMemoryPool));
        }

        internal void Leave()
        {
            Interlocked.Increment(ref Cell(Left));
            if (Volatile.Read(ref closed) != 0)
                DestroyIfNobodyIsLeft();
        }

        /// <summary>The owner is done: no more blocks.</summary>
        internal void Close()
        {
            if (Interlocked.Exchange(ref closed, 1) == 0)
                DestroyIfNobodyIsLeft();
        }

        private void DestroyIfNobodyIsLeft()
        {
            // Between the two sums nobody was there. Who enters later is sent away; of all who find that, one destroys.
            if (Blocks == 0 && Interlocked.Exchange(ref destroyed, 1) == 0)
                Native.sm_allocator_destroy(Pointer);
        }

        private unsafe ref long Cell(int place)
        {
            // By where this thread's stack lies: cheaper to find than the thread's number.
            byte here;
            uint cell = ((uint)((ulong)&here >> 16) * 0x9E37_79B1) >> 28;
            return ref counts[(cell + 1) * CellLongs + place];
        }

        private long Sum(int place)
        {
            long sum = 0;
            for (int cell = 1; cell <= Cells; cell++)
                sum += Interlocked.Read(ref counts[cell * CellLongs + place]);
            return sum;
        }
    }
}
