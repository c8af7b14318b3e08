// SmmallocMemoryPool and what SmmallocInstance has for spans: what they promise, and what they refuse.

using System;
using System.Buffers;
using System.Threading;
using Smmalloc;

public static class Pool
{
    private static bool right = true;

    private static void Holds(string what, bool true_)
    {
        if (true_)
            return;
        Console.Error.WriteLine("not so: {0}", what);
        right = false;
    }

    private static void Throws<E>(string what, Action action) where E : Exception
    {
        try
        {
            action();
        }
        catch (E)
        {
            return;
        }
        catch (Exception other)
        {
            Console.Error.WriteLine("{0}: {1} instead of {2}", what, other.GetType().Name, typeof(E).Name);
            right = false;
            return;
        }
        Holds(what + " is refused", false);
    }

    public static int Main()
    {
        Rented();
        Disposed();
        Pinned();
        OutlivesItsPool();
        Forgotten();
        Buffers();
        Threads();
        Spans();
        EndsWithItsUsing();
        Statistics();
        Console.WriteLine(right ? "pool: ok" : "pool: wrong");
        return right ? 0 : 1;
    }

    private static void Rented()
    {
        using SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        foreach (int bytes in new[] { 0, 1, 16, 128, 129, 5000, 1 << 20 })
        {
            using IMemoryOwner<byte> owner = pool.Rent(bytes);
            Holds("a buffer has what was asked for", owner.Memory.Length == bytes);
            owner.Memory.Span.Fill(7);
            Holds("it can be written", owner.Memory.Span.IndexOf((byte)0) == -1);
            Holds("it is counted", pool.Rented == 1);
        }
        Holds("all are back", pool.Rented == 0);
        using (IMemoryOwner<byte> owner = pool.Rent())
            Holds("4096 where nothing is said", owner.Memory.Length == 4096);
        Throws<ArgumentOutOfRangeException>("fewer bytes than none", () => pool.Rent(-2));
        Throws<ArgumentOutOfRangeException>("65 buckets", () => new SmmallocMemoryPool(65));
        Throws<ArgumentOutOfRangeException>("a bucket without room", () => new SmmallocMemoryPool(8, 127));
    }

    private static void Disposed()
    {
        using SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        IMemoryOwner<byte> owner = pool.Rent(10);
        Memory<byte> kept = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Holds("what is disposed of twice goes back once", pool.Rented == 0);
        Throws<ObjectDisposedException>("the memory after its end", () => { _ = owner.Memory; });
        Throws<ObjectDisposedException>("a span of kept memory", () => { _ = kept.Span[0]; });
        Throws<ObjectDisposedException>("a pin of kept memory", () => { _ = kept.Pin(); });
    }

    private static unsafe void Pinned()
    {
        using SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        IMemoryOwner<byte> owner = pool.Rent(10);
        Throws<ArgumentOutOfRangeException>("a pin beyond the end", () => ((MemoryManager<byte>)owner).Pin(11));
        MemoryHandle first = owner.Memory.Pin();
        MemoryHandle second = owner.Memory.Slice(4).Pin();
        Holds("a pin knows its place", (byte*)second.Pointer == (byte*)first.Pointer + 4);
        owner.Dispose();
        Holds("a pinned block stays", pool.Rented == 1);
        ((byte*)first.Pointer)[9] = 1;
        first.Dispose();
        first.Dispose();
        Holds("the other pin keeps it", pool.Rented == 1);
        second.Dispose();
        Holds("the last pin gives it back", pool.Rented == 0);
    }

    private static void OutlivesItsPool()
    {
        SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        IMemoryOwner<byte> owner = pool.Rent(100);
        pool.Dispose();
        pool.Dispose();
        Throws<ObjectDisposedException>("a rent of a pool that has ended", () => pool.Rent(1));
        owner.Memory.Span.Fill(3);
        Holds("what was rented is whole", owner.Memory.Span[99] == 3);
        owner.Dispose();
        Holds("and goes back", pool.Rented == 0);
    }

    private static void Forgotten()
    {
        SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        // On a stack of its own, so that nothing of it is left: Mono takes whatever looks like a pointer for one.
        Thread thread = new Thread(() => Forget(pool));
        thread.Start();
        thread.Join();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Holds("forgotten memory stays, a forgotten buffer does not", pool.Rented == 1);
    }

    private static void Forget(SmmallocMemoryPool pool)
    {
        pool.Rent(10);
        pool.RentBuffer(10);
    }

    private static void Buffers()
    {
        SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        SmmallocBuffer buffer = pool.RentBuffer(100);
        buffer.Write(92, 0x0102030405060708L);
        Holds("what is written is read", buffer.Read<long>(92) == 0x0102030405060708L && buffer.ByteLength == 100);
        Throws<ArgumentException>("a write across the end", () => buffer.Write(93, 1L));
        pool.Dispose();
        Throws<ObjectDisposedException>("a buffer of a pool that has ended", () => pool.RentBuffer(1));
        buffer.Write(0, (byte)1);
        buffer.Dispose();
        buffer.Dispose();
        Holds("it goes back once", pool.Rented == 0);
        Throws<ObjectDisposedException>("a read after the end", () => buffer.Read<byte>(0));
        Throws<ArgumentOutOfRangeException>("a buffer of less than nothing", () => pool.RentBuffer(-1));
    }

    private static void Threads()
    {
        using SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        int spoilt = 0;
        Thread[] threads = new Thread[4];
        for (int t = 0; t < threads.Length; t++)
        {
            byte mark = (byte)(t + 1);
            threads[t] = new Thread(() =>
            {
                IMemoryOwner<byte>[] held = new IMemoryOwner<byte>[64];
                for (int i = 0; i < 20_000; i++)
                {
                    ref IMemoryOwner<byte> place = ref held[i % held.Length];
                    if (place != null)
                    {
                        Span<byte> content = place.Memory.Span;
                        if (content[0] != mark || content[content.Length - 1] != mark)
                            Interlocked.Increment(ref spoilt);
                        place.Dispose();
                    }
                    place = pool.Rent(1 + i % 200);
                    place.Memory.Span.Fill(mark);
                }
                foreach (IMemoryOwner<byte> rest in held)
                    rest.Dispose();
            });
            threads[t].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Holds("no thread sees another's bytes", spoilt == 0);
        Holds("all threads' are back", pool.Rented == 0);
    }

    private static void Spans()
    {
        using SmmallocInstance instance = new SmmallocInstance(8, 1024 * 1024);
        IntPtr block = instance.Malloc(20, out Span<byte> content);
        Holds("a span has what was asked for", content.Length == 20);
        content.Fill(9);
        Holds("the whole block is its bucket's size", instance.AsSpan(block).Length == 32 && instance.AsSpan(block)[19] == 9);
        instance.Free(block, 20);
        ReadOnlySpan<IntPtr> batch = new[] { instance.Malloc(1), IntPtr.Zero, instance.Malloc(1) };
        instance.Free(batch);
        instance.Free(ReadOnlySpan<IntPtr>.Empty);
        Throws<ArgumentNullException>("a span of nothing", () => instance.AsSpan(IntPtr.Zero));
        Throws<ArgumentOutOfRangeException>("a block of less than nothing", () => instance.Free(instance.Malloc(1), -1));
    }

    /// <summary>A cache that ends inside of its thread has its blocks back before Join returns: here all of a bucket.</summary>
    private static void EndsWithItsUsing()
    {
        const int Blocks = 64;
        using SmmallocInstance instance = new SmmallocInstance(1, 16 * Blocks);
        for (int round = 0; round < 50; round++)
        {
            Thread thread = new Thread(() =>
            {
                using (instance.UseThreadCache(Blocks, CacheWarmupOptions.Hot))
                    instance.Free(instance.Malloc(16));
            });
            thread.Start();
            thread.Join();
            // This thread takes all of them by itself, without a cache.
            instance.DestroyThreadCache();
            IntPtr[] all = new IntPtr[Blocks];
            int own = 0;
            for (int i = 0; i < Blocks; i++)
            {
                all[i] = instance.Malloc(16);
                if (instance.Bucket(all[i]) == 0)
                    own++;
            }
            instance.Free(all);
            Holds("all blocks are back after Join", own == Blocks);
        }
    }

    private static void Statistics()
    {
        using SmmallocInstance instance = new SmmallocInstance(8, 1024 * 1024);
        IntPtr[] blocks = { instance.Malloc(20), instance.Malloc(32), instance.Malloc(5000) };
        foreach (IntPtr block in blocks)
            instance.AsSpan(block).Fill(1);
        SmmallocStatistics all = instance.Statistics(), second = instance.Statistics(1), first = instance.Statistics(0);
        Holds("all buckets' blocks are counted, and the system's", all.LiveBlocks == 2 && all.SystemBlocks == 1 && all.SystemBytes == 5000);
        Holds("a bucket's are its own", second.LiveBlocks == 2 && second.LiveBytes == 64 && second.BlockSize == 32 && first.LiveBlocks == 0);
        Holds("a bucket has what it was given", second.CapacityBytes == 1024 * 1024 && second.ResidentBytes >= 64);
        Throws<ArgumentOutOfRangeException>("a ninth bucket", () => instance.Statistics(8));
        Throws<ArgumentOutOfRangeException>("a bucket below the first", () => instance.Statistics(-1));
        instance.Free(blocks);
        Holds("what is free is not live", instance.Statistics().LiveBlocks == 0);
        Holds("what is free goes back", instance.Trim() > 0);
    }
}
