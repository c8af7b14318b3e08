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
    /// itself is closed by its finalizer.</para>
    /// </remarks>
    public sealed class SmmallocMemoryPool : MemoryPool<byte>
    {
        private const int DefaultBufferSize = 4096;

        private readonly SharedAllocator allocator;

        /// <summary>A pool over an allocator as <see cref="SmmallocInstance(uint, int)"/> makes it; what is larger than its blocks comes from the system's.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Not 1 to 64 buckets, or too small for a block of the last one.</exception>
        /// <exception cref="OutOfMemoryException">The system refused the memory.</exception>
        public SmmallocMemoryPool(uint bucketsCount = 64, int bucketSize = 16 * 1024 * 1024)
        {
            allocator = new SharedAllocator(bucketsCount, bucketSize);
        }

        /// <summary>Closes a pool that was forgotten.</summary>
        ~SmmallocMemoryPool()
        {
            // Null if the constructor threw.
            allocator?.Close();
        }

        /// <summary>The largest buffer that can be asked for.</summary>
        public override int MaxBufferSize => int.MaxValue;

        /// <summary>How many buffers are rented, those that were forgotten included.</summary>
        public long Rented => allocator.Blocks;

        /// <summary>A buffer of exactly so many bytes, whose content is undefined; 4096 if it is not said.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Fewer than -1 bytes.</exception>
        /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
        /// <exception cref="OutOfMemoryException">There is no memory.</exception>
        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            if (minBufferSize < -1)
                throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, "it is a number of bytes, or -1 for 4096");
            return new RentedMemory(allocator, minBufferSize == -1 ? DefaultBufferSize : minBufferSize);
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
                throw new ArgumentOutOfRangeException(nameof(bytesCount), bytesCount, "it is a number of bytes");
            return new SmmallocBuffer(allocator, bytesCount);
        }

        /// <summary>Rents nothing from now on. What is rented stays until it is disposed of itself.</summary>
        protected override void Dispose(bool disposing)
        {
            allocator.Close();
            GC.SuppressFinalize(this);
        }

        /// <summary>One block. Its life is counted in references: one of the renter, one of each pin.</summary>
        private sealed unsafe class RentedMemory : MemoryManager<byte>
        {
            private readonly SharedAllocator allocator;
            private readonly IntPtr block;
            private readonly int length;
            private int references = 1;
            private int disposed;

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
                    CheckAlive();
                    return CreateMemory(length);
                }
            }

            public override Span<byte> GetSpan()
            {
                CheckAlive();
                return new Span<byte>((void*)block, length);
            }

            public override MemoryHandle Pin(int elementIndex = 0)
            {
                if ((uint)elementIndex > (uint)length)
                    throw new ArgumentOutOfRangeException(nameof(elementIndex), elementIndex, "there are " + length + " bytes");
                // A reference is only taken beside another: who has come to none has freed the block.
                int seen = Volatile.Read(ref references);
                while (true)
                {
                    CheckAlive();
                    if (seen == 0)
                        throw new ObjectDisposedException(nameof(IMemoryOwner<byte>));
                    int before = Interlocked.CompareExchange(ref references, seen + 1, seen);
                    if (before == seen)
                        return new MemoryHandle((byte*)block + elementIndex, default, this);
                    seen = before;
                }
            }

            public override void Unpin() => Release();

            /// <summary>Gives the block back, or leaves that to the last pin.</summary>
            protected override void Dispose(bool disposing)
            {
                if (Interlocked.Exchange(ref disposed, 1) == 0)
                    Release();
            }

            private void CheckAlive()
            {
                if (Volatile.Read(ref disposed) != 0)
                    throw new ObjectDisposedException(nameof(IMemoryOwner<byte>));
            }

            private void Release()
            {
                if (Interlocked.Decrement(ref references) == 0)
                    allocator.Free(block, length);
            }
        }
    }
}
