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
        ForgottenAndLarge();
        Buffers();
        Threads();
        EndsAmongRenters();
        LeavesNothing();
        BlockSizes();
        Spans();
        EndsWithItsUsing();
        EndsInsideOfItsUsing();
        EndsTwiceAtOnce();
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
        Throws<ArgumentOutOfRangeException>("a pin before the start", () => ((MemoryManager<byte>)owner).Pin(-1));
        ((MemoryManager<byte>)owner).Pin(10).Dispose();
        Throws<InvalidOperationException>("an unpin of what is not pinned", () => ((MemoryManager<byte>)owner).Unpin());
        Holds("it takes nothing from the renter", pool.Rented == 1);
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
        Throws<InvalidOperationException>("an unpin of what is back", () => ((MemoryManager<byte>)owner).Unpin());
        Throws<ObjectDisposedException>("a pin of what is back", () => ((MemoryManager<byte>)owner).Pin());
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

    private static void ForgottenAndLarge()
    {
        // Mono's collector does not listen.
        if (Type.GetType("Mono.Runtime") != null)
            return;
        using SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 1024 * 1024);
        int before = GC.CollectionCount(0);
        for (int i = 0; i < 300; i++)
            pool.RentBuffer(16 * 1024 * 1024);
        Holds("the collector is told how much it would free", GC.CollectionCount(0) > before);
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

    /// <summary>Whoever rents while the pool is closed gets a buffer or is refused, and the last one out takes the allocator along.</summary>
    private static void EndsAmongRenters()
    {
        for (int round = 0; round < 200; round++)
        {
            SmmallocMemoryPool pool = new SmmallocMemoryPool(8, 64 * 1024);
            int spoilt = 0;
            using Barrier start = new Barrier(4);
            // Each hands its last buffer over, to be disposed of by this thread.
            IMemoryOwner<byte>[] left = new IMemoryOwner<byte>[3];
            Thread[] threads = new Thread[3];
            for (int t = 0; t < threads.Length; t++)
            {
                int own = t;
                threads[own] = new Thread(() =>
                {
                    start.SignalAndWait();
                    try
                    {
                        while (true)
                        {
                            IMemoryOwner<byte> next = pool.Rent(100);
                            left[own]?.Dispose();
                            left[own] = next;
                            next.Memory.Span.Fill((byte)own);
                            if (next.Memory.Span.IndexOf((byte)(own + 1)) != -1)
                                Interlocked.Increment(ref spoilt);
                        }
                    }
                    catch (ObjectDisposedException)
                    {
                    }
                });
                threads[own].Start();
            }
            start.SignalAndWait();
            pool.Dispose();
            foreach (Thread thread in threads)
                thread.Join();
            int held = 0;
            foreach (IMemoryOwner<byte> owner in left)
                held += owner == null ? 0 : 1;
            Holds("what was rented before the end is still there", pool.Rented == held && spoilt == 0);
            foreach (IMemoryOwner<byte> owner in left)
                owner?.Dispose();
            Holds("all of it goes back", pool.Rented == 0);
        }
    }

    /// <summary>More address space than there is, one pool after the other, ended in each order.</summary>
    private static void LeavesNothing()
    {
        for (int round = 0; round < 1200; round++)
        {
            SmmallocMemoryPool pool = new SmmallocMemoryPool(64, int.MaxValue);
            IMemoryOwner<byte> owner = pool.Rent(10);
            if (round % 2 == 0)
                owner.Dispose();
            pool.Dispose();
            Throws<ObjectDisposedException>("a rent after the end", () => pool.Rent(10));
            owner.Dispose();
        }
    }

    private static void BlockSizes()
    {
        using SmmallocMemoryPool usual = new SmmallocMemoryPool();
        using (IMemoryOwner<byte> largest = usual.Rent(65536))
        using (usual.Rent(1300))
        {
            largest.Memory.Span.Fill(1);
            Holds("no size of up to 64 KiB goes to the system", usual.Statistics().LiveBlocks == 2 && usual.Statistics().SystemBlocks == 0);
            Holds("a quarter more than was asked for, at most", usual.Statistics().LiveBytes == 65536 + 1536);
            Holds("the largest is the last", usual.Statistics(43).BlockSize == 65536);
        }
        Holds("the pool gives back what is free", usual.Trim() > 0);
        using SmmallocMemoryPool own = new SmmallocMemoryPool(new[] { 64, 4096 }, 1024 * 1024);
        using (own.Rent(65))
            Holds("a pool has the sizes that it was told", own.Statistics(1).LiveBlocks == 1);
        using SmmallocInstance instance = new SmmallocInstance(new[] { 64, 4096 }, 1024 * 1024);
        IntPtr block = instance.Malloc(65);
        Holds("so has an instance", instance.Size(block) == 4096 && instance.Bucket(block) == 1);
        instance.Free(block, 65);

        Throws<ArgumentNullException>("no list of sizes", () => new SmmallocInstance(null!, 4096));
        int[][] lists = { new int[0], new int[65], new[] { 0 }, new[] { -16 }, new[] { 24 }, new[] { 32, 16 }, new[] { 16, 16 }, new[] { 16, 8192 }, new[] { (2 << 20) + 16 } };
        foreach (int[] list in lists)
            Throws<ArgumentOutOfRangeException>("block sizes that there cannot be", () => new SmmallocMemoryPool(list, 4096));
        SmmallocMemoryPool ended = new SmmallocMemoryPool(8, 1024 * 1024);
        ended.Dispose();
        Throws<ObjectDisposedException>("statistics after the end", () => ended.Statistics());
        Throws<ObjectDisposedException>("a trim after the end", () => ended.Trim());
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

    private static void EndsInsideOfItsUsing()
    {
        SmmallocInstance instance = new SmmallocInstance(8, 1024 * 1024);
        using (instance.UseThreadCache(8, CacheWarmupOptions.Hot))
            instance.Dispose();
        default(SmmallocInstance.ThreadCache).Dispose();
    }

    private static void EndsTwiceAtOnce()
    {
        for (int round = 0; round < 1000; round++)
        {
            SmmallocInstance instance = new SmmallocInstance(1, 1024);
            using Barrier start = new Barrier(2);
            Thread other = new Thread(() =>
            {
                start.SignalAndWait();
                instance.Dispose();
            });
            other.Start();
            start.SignalAndWait();
            instance.Dispose();
            other.Join();
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
