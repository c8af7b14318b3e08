// What a rent and a return cost, beside what .NET has: nanoseconds for each pair of ArrayPool, how many times that the others take, and, in
// brackets, how often generation 0 was collected in a round.

using System;
using System.Buffers;
using System.Diagnostics;
using System.Threading;
using Smmalloc;

public static class Rents
{
    private const int Rounds = 5;
    private const int Smallest = 16;
    private const int Largest = 4096;

    /// <summary>One way of renting: takes and gives back buffers of these sizes; `live` of them are held at a time.</summary>
    private delegate void Work(int[] sizes, int live);

    private static SmmallocInstance instance = null!;
    private static SmmallocMemoryPool pool = null!;

    public static void Main(string[] arguments)
    {
        int pairs = arguments.Length > 0 ? int.Parse(arguments[0]) : 500_000;
        using (instance = new SmmallocInstance(new[] { 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 }, 256 * 1024 * 1024))
        using (pool = new SmmallocMemoryPool())
        {
            (string Name, Work Work)[] candidates =
            {
                ("ArrayPool.Shared", ByArrayPool),
                ("SmmallocInstance", ByPointer),
                ("SmmallocMemoryPool", (sizes, live) => ByPool(pool, sizes, live)),
                ("MemoryPool.Shared", (sizes, live) => ByPool(MemoryPool<byte>.Shared, sizes, live)),
                ("new byte[n]", ByNew),
            };
            Console.Write("{0,-8} {1,7} {2,6}", "bytes", "threads", "live");
            foreach ((string name, _) in candidates)
                Console.Write("  {0,18}", name);
            Console.WriteLine();
            foreach (int largest in new[] { 1024, Largest })
                foreach (int threads in new[] { 1, 4 })
                    foreach (int live in new[] { 1, 65536 })
                        Compare(candidates, largest, threads, live, pairs);
        }
    }

    /// <summary>All candidates in turn, so that what the machine does besides meets them alike; the median of the rounds.</summary>
    private static void Compare((string Name, Work Work)[] candidates, int largest, int threads, int live, int pairs)
    {
        int[][] sizes = new int[threads][];
        for (int thread = 0; thread < threads; thread++)
            sizes[thread] = Sizes(largest, pairs / threads, thread);
        double[][] times = new double[candidates.Length][];
        int[] collections = new int[candidates.Length];
        for (int candidate = 0; candidate < candidates.Length; candidate++)
            times[candidate] = new double[Rounds];
        // Round -1 warms up.
        for (int round = -1; round < Rounds; round++)
        {
            for (int candidate = 0; candidate < candidates.Length; candidate++)
            {
                GC.Collect();
                int before = GC.CollectionCount(0);
                double nanoseconds = Time(candidates[candidate].Work, sizes, live / threads);
                if (round < 0)
                    continue;
                times[candidate][round] = nanoseconds / pairs;
                collections[candidate] += GC.CollectionCount(0) - before;
            }
        }
        Console.Write("{0}..{1,-4} {2,7} {3,6}", Smallest, largest, threads, live);
        double array = Median(times[0]);
        for (int candidate = 0; candidate < candidates.Length; candidate++)
        {
            double median = Median(times[candidate]);
            string figure = candidate == 0 ? median.ToString("F1") + " ns" : (median / array).ToString("F2");
            Console.Write("  {0,18}", figure + " (" + collections[candidate] / Rounds + ")");
        }
        Console.WriteLine();
    }

    private static int[] Sizes(int largest, int count, int seed)
    {
        Random random = new Random(seed);
        int[] sizes = new int[count];
        for (int i = 0; i < count; i++)
            sizes[i] = random.Next(Smallest, largest + 1);
        return sizes;
    }

    private static double Median(double[] times)
    {
        double[] sorted = (double[])times.Clone();
        Array.Sort(sorted);
        return sorted[sorted.Length / 2];
    }

    /// <summary>Nanoseconds of all threads together: each measures itself, so that none has to be waited for.</summary>
    private static double Time(Work work, int[][] sizes, int live)
    {
        using Barrier start = new Barrier(sizes.Length);
        double[] times = new double[sizes.Length];
        Thread[] threads = new Thread[sizes.Length];
        for (int number = 0; number < threads.Length; number++)
        {
            int own = number;
            threads[own] = new Thread(() =>
            {
                start.SignalAndWait();
                Stopwatch watch = Stopwatch.StartNew();
                work(sizes[own], Math.Max(live, 1));
                times[own] = watch.Elapsed.TotalMilliseconds * 1e6;
            });
        }
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        double sum = 0;
        foreach (double time in times)
            sum += time;
        return sum / threads.Length;
    }

    // In each: a ring of what is live; the oldest goes back before the next is taken, and one byte of it is written.

    private static unsafe void ByPointer(int[] sizes, int live)
    {
        using (instance.UseThreadCache(4096, CacheWarmupOptions.Cold))
        {
            IntPtr[] ring = new IntPtr[live];
            int[] lengths = new int[live];
            for (int i = 0; i < sizes.Length; i++)
            {
                ref IntPtr place = ref ring[i % live];
                ref int length = ref lengths[i % live];
                if (place != IntPtr.Zero)
                    instance.Free(place, length);
                place = instance.Malloc(sizes[i], out Span<byte> content);
                length = sizes[i];
                content[0] = 1;
            }
            instance.Free(ring);
        }
    }

    private static void ByPool(MemoryPool<byte> pool, int[] sizes, int live)
    {
        IMemoryOwner<byte>?[] ring = new IMemoryOwner<byte>?[live];
        for (int i = 0; i < sizes.Length; i++)
        {
            ref IMemoryOwner<byte>? place = ref ring[i % live];
            place?.Dispose();
            place = pool.Rent(sizes[i]);
            place.Memory.Span[0] = 1;
        }
        foreach (IMemoryOwner<byte>? rest in ring)
            rest?.Dispose();
    }

    private static void ByArrayPool(int[] sizes, int live)
    {
        byte[]?[] ring = new byte[]?[live];
        for (int i = 0; i < sizes.Length; i++)
        {
            ref byte[]? place = ref ring[i % live];
            if (place != null)
                ArrayPool<byte>.Shared.Return(place);
            place = ArrayPool<byte>.Shared.Rent(sizes[i]);
            place[0] = 1;
        }
        foreach (byte[]? rest in ring)
            if (rest != null)
                ArrayPool<byte>.Shared.Return(rest);
    }

    private static void ByNew(int[] sizes, int live)
    {
        byte[][] ring = new byte[live][];
        for (int i = 0; i < sizes.Length; i++)
        {
            ring[i % live] = new byte[sizes[i]];
            ring[i % live][0] = 1;
        }
    }
}
