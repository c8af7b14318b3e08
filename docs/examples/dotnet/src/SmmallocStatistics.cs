// What an allocator is doing, as the library tells it.

using System;
using System.Runtime.InteropServices;

namespace Smmalloc
{
    /// <summary>What an allocator, or one bucket of it, is doing. Exact while no other thread uses it. Fields as in <c>smmalloc.h</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SmmallocStatistics
    {
        // What follows is filled in as far as this says, so that an older class works with a newer library.
        private UIntPtr size;
        private readonly UIntPtr blockSize, liveBlocks, liveBytes, freeBytes, cachedBytes, usedBytes, capacityBytes, residentBytes, purgedBytes;
        private readonly UIntPtr overflowed, caches, systemBlocks, systemBytes;

        /// <summary>Bytes of a block; 0 of all buckets together.</summary>
        public long BlockSize { get { return (long)blockSize; } }
        /// <summary>Blocks of buckets in the hands of the program.</summary>
        public long LiveBlocks { get { return (long)liveBlocks; } }
        /// <summary>Their bytes, as buckets count them.</summary>
        public long LiveBytes { get { return (long)liveBytes; } }
        /// <summary>Bytes of blocks that were used before and are free for every thread.</summary>
        public long FreeBytes { get { return (long)freeBytes; } }
        /// <summary>Bytes of free blocks in the caches of threads.</summary>
        public long CachedBytes { get { return (long)cachedBytes; } }
        /// <summary>Bytes of blocks that were ever used.</summary>
        public long UsedBytes { get { return (long)usedBytes; } }
        /// <summary>Bytes of all blocks that there can be, as it is now.</summary>
        public long CapacityBytes { get { return (long)capacityBytes; } }
        /// <summary>Bytes that are backed by memory; null where the system does not say.</summary>
        public long? ResidentBytes { get { return residentBytes == Unknown ? (long?)null : (long)residentBytes; } }
        /// <summary>Bytes of free pages that have gone back to the system, the same page perhaps more than once.</summary>
        public long PurgedBytes { get { return (long)purgedBytes; } }
        /// <summary>Calls that had to be served elsewhere because their bucket was used up.</summary>
        public long Overflowed { get { return (long)overflowed; } }
        /// <summary>Threads that have a cache; 0 of one bucket.</summary>
        public long Caches { get { return (long)caches; } }
        /// <summary>Live blocks of the system's; 0 of one bucket.</summary>
        public long SystemBlocks { get { return (long)systemBlocks; } }
        /// <summary>Bytes that these were asked for with.</summary>
        public long SystemBytes { get { return (long)systemBytes; } }

        private static readonly UIntPtr Unknown = UIntPtr.Size == 8 ? (UIntPtr)ulong.MaxValue : (UIntPtr)uint.MaxValue;

        /// <summary>Of all buckets together, or of one of them.</summary>
        internal static unsafe SmmallocStatistics Of(IntPtr allocator, int? bucket)
        {
            SmmallocStatistics statistics = new SmmallocStatistics { size = (UIntPtr)sizeof(SmmallocStatistics) };
            // -1 stands for all, so it is no bucket's number.
            if (bucket < 0 || Native.sm_allocator_statistics(allocator, bucket ?? -1, &statistics) == 0)
                throw new ArgumentOutOfRangeException("bucket", bucket, "there is no such bucket");
            return statistics;
        }
    }
}
