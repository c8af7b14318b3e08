// Blocks as Memory<byte>: what sockets, pipelines and streams take.

using System;
using System.Buffers;
using System.Threading;

namespace Smmalloc
{
    /// <summary>
    /// A <see cref="MemoryPool{T}"/> of native memory: the collector neither moves nor scans it, so that it can be handed to the system as it is.
    /// </summary>
    /// <remarks>
    /// <para>Any thread may rent, and dispose of what another rented. The allocator lives until the pool and everything rented from it are disposed of,
    /// in any order.</para>
    /// <para>What <see cref="Rent"/> gave out and nobody disposes of is never freed, and keeps the allocator: a span does not keep its owner alive,
    /// and to free in a finalizer would pull the memory from under it. <see cref="Rented"/> shows how many there are. A pool that is forgotten
    /// itself is closed by its finalizer, when the collector comes by; it knows nothing of a pool's addresses, so dispose of pools.</para>
    /// </remarks>
    public sealed class SmmallocMemoryPool : MemoryPool<byte>
    {
        private const int DefaultBufferSize = 4096;

        private readonly SharedAllocator allocator;

        /// <summary>
        /// A pool of blocks of 16 bytes to 64 KiB, four sizes to each doubling, with up to 64 MiB of each (2 MiB in a process of 32 bits); what is
        /// larger, or more, comes from the system's allocator. Addresses are reserved at once, 5.7 GiB of them (more than the blocks have), memory is used
        /// when it is first written.
        /// </summary>
        /// <exception cref="OutOfMemoryException">The system refused the memory.</exception>
        public SmmallocMemoryPool() : this(DefaultBlockSizes(), IntPtr.Size == 8 ? 64 * 1024 * 1024 : 2 * 1024 * 1024)
        {
        }

        /// <summary>A pool over an allocator as <see cref="SmmallocInstance(uint, int)"/> makes it; what is larger than its blocks comes from the system's.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Not 1 to 64 buckets, or too small for a block of the last one.</exception>
        /// <exception cref="OutOfMemoryException">The system refused the memory.</exception>
        public SmmallocMemoryPool(uint bucketsCount, int bucketSize = 16 * 1024 * 1024)
        {
            allocator = new SharedAllocator(SmmallocInstance.Create(bucketsCount, bucketSize));
        }

        /// <summary>A pool over an allocator as <see cref="SmmallocInstance(int[], int)"/> makes it; what is larger than its blocks comes from the system's.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Block sizes or buckets as that constructor refuses.</exception>
        /// <exception cref="OutOfMemoryException">The system refused the memory.</exception>
        public SmmallocMemoryPool(int[] blockSizes, int bucketSize)
        {
            allocator = new SharedAllocator(SmmallocInstance.Create(blockSizes, bucketSize));
        }

        /// <summary>Closes a pool that was forgotten.</summary>
        ~SmmallocMemoryPool()
        {
            // Null if the constructor threw.
            allocator?.Close();
        }

        /// <summary>The largest buffer that can be asked for.</summary>
        public override int MaxBufferSize => int.MaxValue;

        /// <summary>
        /// How many buffers are rented, those that were forgotten included. Exact while no other thread uses the pool, be it for <see cref="Statistics"/> or
        /// <see cref="Trim"/>; else perhaps more.
        /// </summary>
        public long Rented => allocator.Blocks;

        /// <summary>
        /// A buffer of exactly so many bytes, whose content is undefined; 4096 if it is not said. Once it is disposed of, its memory throws
        /// <see cref="ObjectDisposedException"/>, and to dispose of it again does nothing.
        /// </summary>
        /// <exception cref="ArgumentOutOfRangeException">Fewer than -1 bytes.</exception>
        /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
        /// <exception cref="OutOfMemoryException">There is no memory.</exception>
        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            if (minBufferSize < -1)
                throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, "it is a number of bytes, 0 or more, or -1 for 4096");
            RentedMemory rented = new RentedMemory(allocator, minBufferSize == -1 ? DefaultBufferSize : minBufferSize);
            // Or, if this was the last use of the pool, its finalizer could close it on the way, and the rent would be refused.
            GC.KeepAlive(this);
            return rented;
        }

        /// <summary>
        /// As <see cref="Rent"/>, as a <see cref="SmmallocBuffer"/>: each access is checked, and what is forgotten is freed by its finalizer.
        /// </summary>
        /// <exception cref="ArgumentOutOfRangeException">Fewer than 0 bytes.</exception>
        /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
        /// <exception cref="OutOfMemoryException">There is no memory.</exception>
        public SmmallocBuffer RentBuffer(int bytesCount)
        {
            if (bytesCount < 0)
                throw new ArgumentOutOfRangeException(nameof(bytesCount), bytesCount, "it is a number of bytes, 0 or more");
            SmmallocBuffer rented = new SmmallocBuffer(allocator, bytesCount);
            GC.KeepAlive(this);
            return rented;
        }

        /// <summary>What the pool's allocator is doing; of one bucket, if its number is given.</summary>
        /// <exception cref="ArgumentOutOfRangeException">There is no such bucket.</exception>
        /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
        public SmmallocStatistics Statistics(int? bucket = null)
        {
            allocator.Enter();
            try
            {
                return SmmallocStatistics.Of(allocator.Pointer, bucket);
            }
            finally
            {
                allocator.Leave();
                GC.KeepAlive(this);
            }
        }

        /// <summary>Gives the memory of free blocks back to the system, with what this thread has cached; the answer is how many bytes.</summary>
        /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
        public long Trim()
        {
            allocator.Enter();
            long bytes = (long)Native.sm_allocator_trim(allocator.Pointer);
            allocator.Leave();
            GC.KeepAlive(this);
            return bytes;
        }

        private static int[] DefaultBlockSizes()
        {
            int[] sizes = new int[44];
            for (int i = 0, step = 16; i < sizes.Length; i++)
            {
                if (i >= 8 && i % 4 == 0)
                    step *= 2;
                sizes[i] = (i == 0 ? 0 : sizes[i - 1]) + step;
            }
            return sizes;
        }

        /// <summary>Rents nothing from now on. What is rented stays until it is disposed of itself. A second call does nothing.</summary>
        protected override void Dispose(bool disposing)
        {
            allocator.Close();
            GC.SuppressFinalize(this);
        }

        /// <summary>One block. It is given back when neither the renter nor a pin has it.</summary>
        private sealed unsafe class RentedMemory : MemoryManager<byte>
        {
            private const int Held = 1;
            private const int Pinned = 2;

            private readonly SharedAllocator allocator;
            private readonly IntPtr block;
            private readonly int length;
            /// <summary><see cref="Held"/> until it is disposed of, and <see cref="Pinned"/> for each pin.</summary>
            private int holders = Held;

            internal RentedMemory(SharedAllocator allocator, int length)
            {
                this.allocator = allocator;
                this.length = length;
                block = allocator.Malloc(length);
            }

            public override Memory<byte> Memory
            {
                get
                {
                    CheckHeld(Volatile.Read(ref holders));
                    return CreateMemory(length);
                }
            }

            public override Span<byte> GetSpan()
            {
                CheckHeld(Volatile.Read(ref holders));
                return new Span<byte>((void*)block, length);
            }

            public override MemoryHandle Pin(int elementIndex = 0)
            {
                if ((uint)elementIndex > (uint)length)
                    throw new ArgumentOutOfRangeException(nameof(elementIndex), elementIndex, "there are " + length + " bytes");
                int seen = Volatile.Read(ref holders);
                while (true)
                {
                    CheckHeld(seen);
                    int before = Interlocked.CompareExchange(ref holders, checked(seen + Pinned), seen);
                    if (before == seen)
                        return new MemoryHandle((byte*)block + elementIndex, default, this);
                    seen = before;
                }
            }

            /// <exception cref="InvalidOperationException">There is no pin that has not been undone.</exception>
            public override void Unpin()
            {
                // One too many would take the block from under its renter.
                if (!LetGo(Pinned))
                    throw new InvalidOperationException("the memory is not pinned");
            }

            /// <summary>Gives the block back, or leaves that to the last pin.</summary>
            protected override void Dispose(bool disposing) => LetGo(Held);

            /// <summary>Takes one of these holders off, and gives the block back after the last; false if there is none.</summary>
            private bool LetGo(int holder)
            {
                int seen = Volatile.Read(ref holders);
                while (holder == Held ? (seen & Held) != 0 : seen >= Pinned)
                {
                    int before = Interlocked.CompareExchange(ref holders, seen - holder, seen);
                    if (before == seen)
                    {
                        if (seen == holder)
                            allocator.Free(block, length);
                        return true;
                    }
                    seen = before;
                }
                return false;
            }

            private static void CheckHeld(int holders)
            {
                if ((holders & Held) == 0)
                    throw new ObjectDisposedException(nameof(IMemoryOwner<byte>));
            }
        }
    }
}
