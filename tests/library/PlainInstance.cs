// Another wrapper under the same name: as clients write their own, with other integer types and hardly a check.

using System;
using System.Runtime.InteropServices;

namespace Smmalloc
{
    public enum CacheWarmupOptions { Cold, Warm, Hot }

    public class SmmallocInstance : IDisposable
    {
        private IntPtr handle;

        public SmmallocInstance(uint bucketsCount, int bucketSize)
        {
            handle = sm_allocator_create(bucketsCount, (IntPtr)bucketSize);
            if (handle == IntPtr.Zero) throw new ArgumentException();
        }

        public void Dispose() { sm_allocator_destroy(handle); }
        public void CreateThreadCache(int size, CacheWarmupOptions option) { sm_allocator_thread_cache_create(handle, option, (IntPtr)size); }
        public void DestroyThreadCache() { sm_allocator_thread_cache_destroy(handle); }
        public void Free(IntPtr memory) { sm_free(handle, memory); }
        public void Free(IntPtr[] batch) { sm_free_batch(handle, batch, (IntPtr)batch.Length); }
        public int Size(IntPtr memory) { return (int)sm_msize(handle, memory); }
        public int Bucket(IntPtr memory) { return sm_mbucket(handle, memory); }
        public IntPtr Realloc(IntPtr memory, int bytes, int alignment = 0) { return sm_realloc(handle, memory, (IntPtr)bytes, (IntPtr)alignment); }

        public IntPtr Malloc(int bytes, int alignment = 0)
        {
            IntPtr block = sm_malloc(handle, (IntPtr)bytes, (IntPtr)alignment);
            if (block == IntPtr.Zero) throw new OutOfMemoryException();
            return block;
        }

        [DllImport("smmalloc")] private static extern IntPtr sm_allocator_create(uint buckets, IntPtr bytes);
        [DllImport("smmalloc")] private static extern void sm_allocator_destroy(IntPtr allocator);
        [DllImport("smmalloc")] private static extern void sm_allocator_thread_cache_create(IntPtr allocator, CacheWarmupOptions option, IntPtr size);
        [DllImport("smmalloc")] private static extern void sm_allocator_thread_cache_destroy(IntPtr allocator);
        [DllImport("smmalloc")] private static extern IntPtr sm_malloc(IntPtr allocator, IntPtr bytes, IntPtr alignment);
        [DllImport("smmalloc")] private static extern void sm_free(IntPtr allocator, IntPtr memory);
        [DllImport("smmalloc")] private static extern void sm_free_batch(IntPtr allocator, IntPtr[] batch, IntPtr length);
        [DllImport("smmalloc")] private static extern IntPtr sm_realloc(IntPtr allocator, IntPtr memory, IntPtr bytes, IntPtr alignment);
        [DllImport("smmalloc")] private static extern IntPtr sm_msize(IntPtr allocator, IntPtr memory);
        [DllImport("smmalloc")] private static extern int sm_mbucket(IntPtr allocator, IntPtr memory);
    }
}
