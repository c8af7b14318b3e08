// A short life of messages in native memory: what the README beside runs.

using System;
using System.Runtime.InteropServices;
using Smmalloc;

public static class Program
{
    public static void Main()
    {
        // 8 buckets of 16 MB: blocks of 16, 32, ... 128 bytes.
        using (SmmallocInstance smmalloc = new SmmallocInstance(8, 16 * 1024 * 1024))
        {
            smmalloc.CreateThreadCache(4 * 1024, CacheWarmupOptions.Hot);

            byte[] text = System.Text.Encoding.ASCII.GetBytes("forty-two bytes of a message, or nearly so");
            IntPtr message = smmalloc.Malloc(text.Length);
            Marshal.Copy(text, 0, message, text.Length);
            Console.WriteLine("{0} bytes in a block of {1}, of bucket {2}", text.Length, smmalloc.Size(message), smmalloc.Bucket(message));

            message = smmalloc.Realloc(message, 100, 64);
            Console.WriteLine("moved to one of {0}: {1}", smmalloc.Size(message), Marshal.PtrToStringAnsi(message, text.Length));
            smmalloc.Free(message);

            try
            {
                smmalloc.Malloc(64, 48);
            }
            catch (ArgumentOutOfRangeException error)
            {
                Console.WriteLine("refused: {0}", error.ParamName);
            }
        }
    }
}
