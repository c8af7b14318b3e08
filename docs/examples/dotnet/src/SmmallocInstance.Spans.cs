// What SmmallocInstance offers where there are spans.

using System;
using System.Runtime.InteropServices;

namespace Smmalloc
{
    public sealed unsafe partial class SmmallocInstance
    {
        /// <summary>As <see cref="Malloc(int, int)"/>, with the bytes that were asked for as a span. Their content is undefined.</summary>
        /// <remarks>The span is of use until the block is freed; nothing stops its use afterwards.</remarks>
        public IntPtr Malloc(int bytesCount, out Span<byte> content, int alignment = 0)
        {
            IntPtr block = Malloc(bytesCount, alignment);
            content = new Span<byte>((void*)block, bytesCount);
            return block;
        }

        /// <summary>The whole block, <see cref="Size"/> bytes of it.</summary>
        public Span<byte> AsSpan(IntPtr memory)
        {
            return new Span<byte>((void*)memory, Size(memory));
        }

        /// <summary>Gives several blocks back at once; zeros among them are skipped.</summary>
        public void Free(ReadOnlySpan<IntPtr> batch)
        {
            // By reference: Mono cannot pin a span itself.
            fixed (IntPtr* first = &MemoryMarshal.GetReference(batch))
                Native.sm_free_batch(Allocator, first, (UIntPtr)batch.Length);
        }

        /// <summary>Gives this thread a cache until the end of the <c>using</c> that holds the answer.</summary>
        /// <remarks>
        /// A thread that ends gives its cache back by itself, but on .NET Core <c>Thread.Join</c> can return before that.
        /// Whoever counts on the blocks after <c>Join</c> ends the cache by this, inside of the thread. A thread has one cache: of a second
        /// <c>using</c> inside of the first, the end is the end of both, and what follows goes without a cache.
        /// </remarks>
        public ThreadCache UseThreadCache(int cacheSize, CacheWarmupOptions warmupOption)
        {
            CreateThreadCache(cacheSize, warmupOption);
            return new ThreadCache(this);
        }

        /// <summary>A thread's cache for the length of a <c>using</c>. It lies on its thread's stack and cannot leave it, nor cross an <c>await</c>.</summary>
        public readonly ref struct ThreadCache
        {
            private readonly SmmallocInstance instance;

            internal ThreadCache(SmmallocInstance instance)
            {
                this.instance = instance;
            }

            /// <summary>Gives back what this thread has cached; with the instance, if that was disposed of before, it is gone already.</summary>
            public void Dispose()
            {
                // Zero of one that was disposed of, which is ignored.
                if (instance != null)
                    Native.sm_allocator_thread_cache_destroy(instance.allocator);
            }
        }
    }
}
