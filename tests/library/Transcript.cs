// Prints what the class SmmallocInstance does: line by line the same as transcript.c, to compare with transcript.txt.

using System;
using System.Runtime.InteropServices;
using System.Threading;
using Smmalloc;

public static class Transcript
{
    private const int BucketBytes = 64 * 1024;

    private static void Placed(SmmallocInstance instance, int bytes, int alignment)
    {
        IntPtr block = instance.Malloc(bytes, alignment);
        long misplaced = block.ToInt64() % (alignment == 0 ? 16 : alignment);
        Console.WriteLine("malloc {0} {1}: size {2} bucket {3} off {4}", bytes, alignment, instance.Size(block), instance.Bucket(block), misplaced);
        instance.Free(block);
    }

    private static IntPtr[] Exhaust(SmmallocInstance instance)
    {
        IntPtr[] blocks = new IntPtr[BucketBytes / 16 + 1];
        int own = 0;
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = instance.Malloc(16);
            if (instance.Bucket(blocks[i]) == 0)
                own++;
        }
        Console.WriteLine("exhausted: {0} from bucket 0, the last from {1}", own, instance.Bucket(blocks[blocks.Length - 1]));
        return blocks;
    }

    private static string Refused(Action action)
    {
        try
        {
            action();
            return "done";
        }
        catch (ArgumentException)
        {
            return "refused";
        }
        catch (OutOfMemoryException)
        {
            return "refused";
        }
    }

    public static void Main()
    {
        SmmallocInstance instance = new SmmallocInstance(4, BucketBytes);
        foreach (int bytes in new[] { 0, 1, 16, 17, 32, 33, 48, 50, 64, 65, 1000 })
            Placed(instance, bytes, 0);
        foreach (int alignment in new[] { 1, 8, 32, 64, 4096 })
        {
            Placed(instance, 20, alignment);
            Placed(instance, 33, alignment);
        }

        instance.CreateThreadCache(4 * 1024, CacheWarmupOptions.Hot);
        IntPtr block = instance.Malloc(64);
        byte data = 0;
        for (int i = 0; i < instance.Size(block); i++)
            Marshal.WriteByte(block, i, data++);
        int sum = 0;
        for (int i = 0; i < instance.Size(block); i++)
            sum += Marshal.ReadByte(block, i);
        Console.WriteLine("written and read: {0}", sum);
        byte[] copy = new byte[64];
        Marshal.Copy(block, copy, 0, 64);
        Marshal.Copy(copy, 0, block, 64);
        Console.WriteLine("copied: {0}", Marshal.ReadByte(block, 63));

        Console.WriteLine("realloc that fits: {0}", instance.Realloc(block, 50) == block ? "same" : "other");
        IntPtr moved = instance.Realloc(block, 500, 64);
        sum = 0;
        for (int i = 0; i < 64; i++)
            sum += Marshal.ReadByte(moved, i);
        Console.WriteLine("realloc that moves: size {0} bucket {1} sum {2}", instance.Size(moved), instance.Bucket(moved), sum);
        Console.WriteLine("realloc to nothing: {0}", instance.Realloc(moved, 0) == IntPtr.Zero ? "freed" : "kept");
        instance.DestroyThreadCache();

        instance.Free(Exhaust(instance));
        instance.Free(Exhaust(instance));

        int sound = 0;
        Thread[] threads = new Thread[4];
        for (int t = 0; t < threads.Length; t++)
        {
            threads[t] = new Thread(() =>
            {
                instance.CreateThreadCache(128, CacheWarmupOptions.Warm);
                IntPtr[] blocks = new IntPtr[200];
                for (int round = 0; round < 50; round++)
                {
                    for (int i = 0; i < blocks.Length; i++)
                    {
                        blocks[i] = instance.Malloc(8 + i % 56);
                        Marshal.WriteInt64(blocks[i], blocks[i].ToInt64());
                    }
                    for (int i = 0; i < blocks.Length; i++)
                    {
                        if (Marshal.ReadInt64(blocks[i]) == blocks[i].ToInt64())
                            Interlocked.Increment(ref sound);
                        instance.Free(blocks[i]);
                    }
                }
            });
            threads[t].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Console.WriteLine("threads: {0} blocks sound", sound);
        instance.Free(Exhaust(instance));

        Console.WriteLine("alignment 48: {0}", Refused(() => instance.Malloc(16, 48)));
        Console.WriteLine("alignment 8192: {0}", Refused(() => instance.Malloc(16, 8192)));
        Console.WriteLine("negative size: {0}", Refused(() => instance.Malloc(-1)));
        Console.WriteLine("no buckets: {0}", Refused(() => new SmmallocInstance(0, BucketBytes)));
        Console.WriteLine("65 buckets: {0}", Refused(() => new SmmallocInstance(65, BucketBytes)));
        Console.WriteLine("negative bucket: {0}", Refused(() => new SmmallocInstance(4, -1)));
        Console.WriteLine("64 buckets: {0}", Refused(() => new SmmallocInstance(64, 1024).Dispose()));
        instance.Dispose();
    }
}
