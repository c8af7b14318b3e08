// The class SmmallocInstance of docs/examples/dotnet: which exceptions it throws.

using System;
using Smmalloc;

public static class Refusals
{
    private static bool right = true;

    private static void Throws<E>(string what, Action action) where E : Exception
    {
        string thrown = "nothing";
        try
        {
            action();
        }
        catch (Exception error)
        {
            thrown = error.GetType().Name;
        }
        if (thrown != typeof(E).Name)
        {
            Console.Error.WriteLine("{0}: {1} instead of {2}", what, thrown, typeof(E).Name);
            right = false;
        }
    }

    public static int Main()
    {
        SmmallocInstance instance = new SmmallocInstance(8, 1024 * 1024);
        IntPtr block = instance.Malloc(10);
        Throws<ArgumentOutOfRangeException>("no buckets", () => new SmmallocInstance(0, 1024));
        Throws<ArgumentOutOfRangeException>("65 buckets", () => new SmmallocInstance(65, 65536));
        Throws<ArgumentOutOfRangeException>("negative bucket", () => new SmmallocInstance(1, -16));
        Throws<ArgumentOutOfRangeException>("bucket without room", () => new SmmallocInstance(8, 127));
        Throws<ArgumentOutOfRangeException>("negative cache", () => instance.CreateThreadCache(-1, CacheWarmupOptions.Hot));
        Throws<ArgumentOutOfRangeException>("negative size", () => instance.Malloc(-1));
        Throws<ArgumentOutOfRangeException>("odd alignment", () => instance.Malloc(1, 3));
        Throws<ArgumentOutOfRangeException>("negative alignment", () => instance.Malloc(1, int.MinValue));
        Throws<ArgumentOutOfRangeException>("large alignment", () => instance.Realloc(block, 1, 8192));
        Throws<ArgumentOutOfRangeException>("negative new size", () => instance.Realloc(block, -5));
        Throws<ArgumentNullException>("free of zero", () => instance.Free(IntPtr.Zero));
        Throws<ArgumentNullException>("free of no batch", () => instance.Free((IntPtr[])null));
        Throws<ArgumentNullException>("realloc of zero", () => instance.Realloc(IntPtr.Zero, 1));
        Throws<ArgumentNullException>("size of zero", () => instance.Size(IntPtr.Zero));
        Throws<ArgumentNullException>("bucket of zero", () => instance.Bucket(IntPtr.Zero));
        instance.Free(new IntPtr[] { block, IntPtr.Zero });
        instance.Free(new IntPtr[0]);
        instance.Dispose();
        instance.Dispose();
        Throws<ObjectDisposedException>("malloc after the end", () => instance.Malloc(1));
        Throws<ObjectDisposedException>("free after the end", () => instance.Free(block));
        Throws<ObjectDisposedException>("cache after the end", () => instance.CreateThreadCache(1, CacheWarmupOptions.Cold));
        Console.WriteLine(right ? "refusals: ok" : "refusals: wrong");
        return right ? 0 : 1;
    }
}
