#!/usr/bin/env bash
# Mono 6.8: Socket.ReceiveAsync(Memory<byte>) says how many bytes came, and the memory stays as it was.
#
# A guess: as on .NET Core, the bytes that were received are in the memory when the task is done; if not for any memory, then for an array's.
# Seen: the task ends with the right number, and the memory is untouched, an array's, too, whether the bytes were there before the call or came later. They are
# gone from the socket. SendAsync(ReadOnlyMemory<byte>) and ReceiveAsync(ArraySegment<byte>) beside it are right.
# Why it matters here: memory pools for .NET are made to be handed to sockets; on Mono (and what is built on its class library) only arrays can be.
# Debian 12, x86-64. Installs mono-mcs and mono-runtime 6.8.0.105+dfsg-3.3+deb12u1 where they are missing.
set -euo pipefail
{ command -v mcs && command -v mono; } >/dev/null ||
    apt-get install -y -q mono-mcs=6.8.0.105+dfsg-3.3+deb12u1 mono-runtime=6.8.0.105+dfsg-3.3+deb12u1 >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >Probe.cs <<'C'
using System;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;

public static class Probe
{
    public static void Main() { Run().GetAwaiter().GetResult(); }

    private static Socket Tcp() { return new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp); }

    private static async Task Run()
    {
        Socket listener = Tcp(), client = Tcp();
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        client.Connect(listener.LocalEndPoint);
        Socket server = listener.Accept();

        byte[] array = new byte[3];
        await client.SendAsync(new ReadOnlyMemory<byte>(new byte[] { 1, 2, 3 }), SocketFlags.None);
        int received = await server.ReceiveAsync(new Memory<byte>(array), SocketFlags.None);
        Console.WriteLine("there before: {0} bytes into memory: {1}", received, string.Join(" ", array));

        ValueTask<int> waiting = server.ReceiveAsync(new Memory<byte>(array), SocketFlags.None);
        client.Send(new byte[] { 4, 5, 6 });
        received = await waiting;
        Console.WriteLine("came later: {0} bytes into memory: {1}", received, string.Join(" ", array));

        client.Send(new byte[] { 7, 8, 9 });
        received = await server.ReceiveAsync(new ArraySegment<byte>(array), SocketFlags.None);
        Console.WriteLine("{0} bytes into an array segment: {1}", received, string.Join(" ", array));
    }
}
C
mcs Probe.cs
timeout 60 mono Probe.exe >seen
cat seen
printf '%s\n' "there before: 3 bytes into memory: 0 0 0" "came later: 3 bytes into memory: 0 0 0" "3 bytes into an array segment: 7 8 9" |
    cmp -s - seen || { echo "changed"; exit 1; }
