// An echo server over sockets whose buffers are native memory, and a client that checks what comes back.

using System;
using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using Smmalloc;

public static class Echo
{
    private const int Clients = 8;
    private const int Messages = 500;
    private const int MessageBytes = 1000;

    public static async Task Main()
    {
        using SmmallocMemoryPool pool = new SmmallocMemoryPool();
        using Socket listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(Clients);

        Task serving = Serve(listener, pool);
        Task<int>[] clients = new Task<int>[Clients];
        for (int number = 0; number < Clients; number++)
            clients[number] = Converse(listener.LocalEndPoint!, pool, (byte)number);
        int[] right = await Task.WhenAll(clients);
        await serving;

        int sum = 0;
        foreach (int messages in right)
            sum += messages;
        Console.WriteLine("{0} messages of {1} bytes came back as they were; {2} buffers are still rented", sum, MessageBytes, pool.Rented);
    }

    private static async Task Serve(Socket listener, MemoryPool<byte> pool)
    {
        Task[] connections = new Task[Clients];
        for (int number = 0; number < Clients; number++)
            connections[number] = Return(await listener.AcceptAsync(), pool);
        await Task.WhenAll(connections);
    }

    /// <summary>Sends back whatever arrives, until the other side is done.</summary>
    private static async Task Return(Socket connection, MemoryPool<byte> pool)
    {
        using (connection)
        using (IMemoryOwner<byte> buffer = pool.Rent(4096))
        {
            int received;
            while ((received = await connection.ReceiveAsync(buffer.Memory, SocketFlags.None)) > 0)
                await SendAll(connection, buffer.Memory.Slice(0, received));
        }
    }

    private static async Task<int> Converse(EndPoint server, MemoryPool<byte> pool, byte number)
    {
        using Socket connection = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await connection.ConnectAsync(server);
        int right = 0;
        for (int message = 0; message < Messages; message++)
        {
            // A message of its own, and room of its own for the answer.
            using IMemoryOwner<byte> sent = pool.Rent(MessageBytes);
            using IMemoryOwner<byte> back = pool.Rent(MessageBytes);
            sent.Memory.Span.Fill((byte)(number + message));
            await SendAll(connection, sent.Memory);
            int filled = 0;
            while (filled < MessageBytes)
            {
                int received = await connection.ReceiveAsync(back.Memory.Slice(filled), SocketFlags.None);
                if (received == 0)
                    throw new InvalidOperationException("the server has gone");
                filled += received;
            }
            if (sent.Memory.Span.SequenceEqual(back.Memory.Span))
                right++;
        }
        return right;
    }

    private static async Task SendAll(Socket connection, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes.Slice(await connection.SendAsync(bytes, SocketFlags.None));
    }
}
