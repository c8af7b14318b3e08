// The class that .NET code has always used smmalloc by. What needs spans is in SmmallocInstance.Spans.cs.

using System;
using System.Threading;

namespace Smmalloc
{
    /// <summary>How full a thread cache is made when it is created.</summary>
    public enum CacheWarmupOptions
    {
        /// <summary>Empty.</summary>
        Cold = 0,
        /// <summary>Half full, or somewhat less.</summary>
        Warm = 1,
        /// <summary>Full, but for the room that the first frees need: half or less of a small cache.</summary>
        Hot = 2,
    }

    /// <summary>
    /// An allocator of native memory. Any thread may use it, and free what another thread allocated.
    /// There is no finalizer: the collector cannot see who still uses a block, so only <see cref="Dispose"/> gives the memory back.
    /// As with pointers everywhere, nothing stops a use of a block after it was freed. <c>SmmallocMemoryPool</c> is safer.
    /// </summary>
    /// <remarks>
    /// Whatever is asked of it after <see cref="Dispose"/> throws <see cref="ObjectDisposedException"/>, but a second <see cref="Dispose"/>, which does
    /// nothing. A pointer of zero, or null for an array, is an <see cref="ArgumentNullException"/>.
    /// </remarks>
    public sealed unsafe partial class SmmallocInstance : IDisposable
    {
        private const uint MostBuckets = 64;
        private const int LargestAlignment = 4096;
        private const int LargestBlock = 2 * 1024 * 1024;
        /// <summary>What block sizes are multiples of.</summary>
        private const int Grain = 16;

        private IntPtr allocator;

        /// <summary>Buckets of 16, 32, 48, … bytes a block, each with <paramref name="bucketSize"/> bytes of them.</summary>
        /// <exception cref="ArgumentOutOfRangeException">Not 1 to 64 buckets, or too small for a block of the last one.</exception>
        /// <exception cref="OutOfMemoryException">The system refused the memory, or the addresses: more than <paramref name="bucketSize"/> for each bucket.</exception>
        public SmmallocInstance(uint bucketsCount, int bucketSize)
        {
            allocator = Create(bucketsCount, bucketSize);
        }

        /// <summary>A bucket for each block size, each with <paramref name="bucketSize"/> bytes of them.</summary>
        /// <exception cref="ArgumentOutOfRangeException">
        /// Not 1 to 64 sizes, or not multiples of 16 up to 2 MiB, each larger than the one before; or the buckets are too small for a block of the last one.
        /// </exception>
        /// <exception cref="ArgumentNullException">No sizes.</exception>
        /// <exception cref="OutOfMemoryException">The system refused the memory, or the addresses: more than <paramref name="bucketSize"/> for each bucket.</exception>
        public SmmallocInstance(int[] blockSizes, int bucketSize)
        {
            allocator = Create(blockSizes, bucketSize);
        }

        /// <summary>Gives all memory back, blocks in use included. No other thread may be using the instance.</summary>
        public void Dispose()
        {
            Native.sm_allocator_destroy(Interlocked.Exchange(ref allocator, IntPtr.Zero));
        }

        /// <summary>Gives this thread a cache of up to <paramref name="cacheSize"/> blocks of each bucket.</summary>
        public void CreateThreadCache(int cacheSize, CacheWarmupOptions warmupOption)
        {
            if (cacheSize < 0)
                throw new ArgumentOutOfRangeException("cacheSize", cacheSize, "it is a number of blocks, 0 or more");
            Native.sm_allocator_thread_cache_create(Allocator, (int)warmupOption, (UIntPtr)cacheSize);
        }

        /// <summary>Gives what this thread has cached back. A thread that ends does so by itself.</summary>
        public void DestroyThreadCache()
        {
            Native.sm_allocator_thread_cache_destroy(Allocator);
        }

        /// <summary>A block of at least so many bytes. The alignment is a power of two up to 4096; 0 stands for 16.</summary>
        /// <exception cref="OutOfMemoryException">There is no memory.</exception>
        public IntPtr Malloc(int bytesCount, int alignment = 0)
        {
            Check(bytesCount, alignment);
            IntPtr block = Native.sm_malloc(Allocator, (UIntPtr)bytesCount, (UIntPtr)alignment);
            if (block == IntPtr.Zero)
                throw NoMemory(bytesCount);
            return block;
        }

        /// <summary>Gives a block back.</summary>
        public void Free(IntPtr memory)
        {
            Check(memory);
            Native.sm_free(Allocator, memory);
        }

        /// <summary>Gives several blocks back at once; zeros among them are skipped.</summary>
        public void Free(IntPtr[] batch)
        {
            if (batch == null)
                throw new ArgumentNullException("batch");
            fixed (IntPtr* first = batch)
                Native.sm_free_batch(Allocator, first, (UIntPtr)batch.Length);
        }

        /// <summary>Gives a block back, told what it was last asked for with: less to find out.</summary>
        public void Free(IntPtr memory, int bytesCount, int alignment = 0)
        {
            Check(memory);
            Check(bytesCount, alignment);
            Native.sm_free_sized(Allocator, memory, (UIntPtr)bytesCount, (UIntPtr)alignment);
        }

        /// <summary>
        /// The block, or a larger one with its content if it is too small or not so aligned. With 0 bytes it is freed, and the answer is zero.
        /// </summary>
        /// <exception cref="OutOfMemoryException">There is no memory; the block is as it was.</exception>
        public IntPtr Realloc(IntPtr memory, int bytesCount, int alignment = 0)
        {
            Check(memory);
            Check(bytesCount, alignment);
            IntPtr block = Native.sm_realloc(Allocator, memory, (UIntPtr)bytesCount, (UIntPtr)alignment);
            if (block == IntPtr.Zero && bytesCount > 0)
                throw NoMemory(bytesCount);
            return block;
        }

        /// <summary>The bytes of a block that may be used.</summary>
        public int Size(IntPtr memory)
        {
            Check(memory);
            return checked((int)Native.sm_msize(Allocator, memory));
        }

        /// <summary>The number of the bucket that a block came from, from 0; -1 if the system allocator served it.</summary>
        public int Bucket(IntPtr memory)
        {
            Check(memory);
            return Native.sm_mbucket(Allocator, memory);
        }

        /// <summary>What it is doing; of one bucket, if its number is given.</summary>
        /// <exception cref="ArgumentOutOfRangeException">There is no such bucket.</exception>
        public SmmallocStatistics Statistics(int? bucket = null)
        {
            return SmmallocStatistics.Of(Allocator, bucket);
        }

        /// <summary>Gives the memory of free blocks back to the system, with what this thread has cached; the answer is how many bytes.</summary>
        public long Trim()
        {
            return (long)Native.sm_allocator_trim(Allocator);
        }

        private IntPtr Allocator
        {
            get
            {
                // Read once: it may be disposed of meanwhile.
                IntPtr current = allocator;
                if (current == IntPtr.Zero)
                    throw new ObjectDisposedException("SmmallocInstance");
                return current;
            }
        }

        internal static IntPtr Create(uint bucketsCount, int bucketSize)
        {
            CheckBuckets("bucketsCount", bucketsCount, bucketSize, Grain * (long)bucketsCount);
            return Created(Native.sm_allocator_create(bucketsCount, (UIntPtr)bucketSize), bucketsCount, bucketSize);
        }

        internal static IntPtr Create(int[] blockSizes, int bucketSize)
        {
            if (blockSizes == null)
                throw new ArgumentNullException("blockSizes");
            int count = blockSizes.Length;
            CheckBuckets("blockSizes", count, bucketSize, count == 0 ? 0 : blockSizes[count - 1]);
            UIntPtr* sizes = stackalloc UIntPtr[count];
            int before = 0;
            for (int i = 0; i < count; i++)
            {
                int size = blockSizes[i];
                if (size <= before || size % Grain != 0 || size > LargestBlock)
                    throw new ArgumentOutOfRangeException("blockSizes", size, "they are multiples of 16 up to 2 MiB, each larger than the one before");
                sizes[i] = (UIntPtr)size;
                before = size;
            }
            SmOptions options = new SmOptions
            {
                size = (UIntPtr)sizeof(SmOptions), bucketsCount = (uint)count, bucketSize = (UIntPtr)bucketSize, blockSizes = sizes,
            };
            return Created(Native.sm_allocator_create_with(&options), count, bucketSize);
        }

        private static IntPtr Created(IntPtr allocator, long bucketsCount, int bucketSize)
        {
            if (allocator == IntPtr.Zero)
                throw new OutOfMemoryException("the system has no memory, or no addresses, for " + bucketsCount + " buckets of " + bucketSize + " bytes");
            return allocator;
        }

        private static void CheckBuckets(string name, long count, int bucketSize, long largestBlock)
        {
            if (count == 0 || count > MostBuckets)
                throw new ArgumentOutOfRangeException(name, count, "there are 1 to 64 buckets");
            if (bucketSize < largestBlock)
                throw new ArgumentOutOfRangeException("bucketSize", bucketSize, "each bucket needs room for one block of " + largestBlock + " bytes");
        }

        internal static OutOfMemoryException NoMemory(long bytes)
        {
            return new OutOfMemoryException("the system has no " + bytes + " bytes");
        }

        private static void Check(IntPtr memory)
        {
            if (memory == IntPtr.Zero)
                throw new ArgumentNullException("memory");
        }

        private static void Check(int bytesCount, int alignment)
        {
            if (bytesCount < 0)
                throw new ArgumentOutOfRangeException("bytesCount", bytesCount, "it is a number of bytes, 0 or more");
            if (alignment < 0 || alignment > LargestAlignment || (alignment & (alignment - 1)) != 0)
                throw new ArgumentOutOfRangeException("alignment", alignment, "it is 0 or a power of two up to 4096");
        }
    }
}
