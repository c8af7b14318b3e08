//! Real packets through a pool of buffers: echo servers and clients on loopback, all in this one program.
//!
//! ```text
//! cargo run --release --example packet_pool -- --clients 4 --sizes 64,512,9000 --seconds 10
//! ```
//!
//! A UDP server and a TCP server send back whatever they receive; client threads send packets and compare every byte
//! that returns. Every buffer on either side is a lease from one pool. After a warm-up the program counts
//! what the threads together ask of the system's allocator: it should be nothing at all.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | a heap with your own block sizes, a pool on top, threads that share it |
//! | `udp`, `tcp` | a server that borrows a buffer for each packet, and the client's half of it |
//! | `client` | what every client does, whatever the protocol |
//! | `race` | when to warm up, measure and stop |
//! | `options`, `report` | arguments, results |
//! | `payload`, `counting`, `arguments` in the folder `shared` | content that can be checked, allocations, numbers from the command line |

#![expect(clippy::print_stdout, reason = "a program's results go to standard output")]

#[path = "../shared/arguments.rs"]
mod arguments;
mod client;
#[path = "../shared/counting.rs"]
mod counting;
mod options;
#[path = "../shared/payload.rs"]
mod payload;
mod race;
mod report;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::thread;

use smarena::{BufPool, Lease};

use options::{Options, Parsed};
use race::Race;
use report::Report;

smarena::size_classes! {
    /// The block sizes of our heap: what travels on a network, from a small datagram to the largest one. Buffers of 2 KiB have a cache
    /// line more, so that their first bytes do not all compete for the same places of the processor's caches.
    pub(crate) Packets: [64, 256, 1536, 2112, 9216, 65536]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Packets { bucket_bytes: 64 << 20, name: "net" }
}

pub(crate) type Pool = BufPool<Net>;
/// A buffer from the pool. It goes back when it is dropped, on whichever thread that happens.
pub(crate) type Buffer = Lease<Net>;

/// Whatever went wrong, on its way from any thread to `main`.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os()) {
        Ok(Parsed::Run(options)) => options,
        Ok(Parsed::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("packet_pool: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(report) => {
            print!("{report}");
            if report.is_flawless() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("packet_pool: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts both servers and all clients, waits until they have ended, and adds up what they saw.
pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let pool = BufPool::builder()
        .buf_size(options.largest_packet() + tcp::PREFIX)
        // A client holds two buffers, the packet and its echo; a server one for each packet it is busy with.
        .limit(2 * 2 * options.clients + options.clients + 1)
        .build_in(Net)?;
    let race = Race::new();

    // All sockets are connected before a thread starts: a failure up to here leaves nobody waiting.
    let address = (Ipv4Addr::LOCALHOST, options.port);
    let udp_server = UdpSocket::bind(address)?;
    let tcp_server = TcpListener::bind(address)?;
    let mut udp_clients = Vec::new();
    let mut tcp_clients = Vec::new();
    for _ in 0..options.clients {
        udp_clients.push(udp::Client::connect(udp_server.local_addr()?)?);
        tcp_clients.push(tcp::Client::connect(tcp_server.local_addr()?)?);
    }

    thread::scope(|scope| {
        let (pool, race) = (&pool, &race);
        let servers = [
            scope.spawn(move || race.over_if_failed(udp::serve(&udp_server, pool, race))),
            scope.spawn(move || race.over_if_failed(tcp::serve(&tcp_server, options.clients, pool))),
        ];
        let udp_clients: Vec<_> = udp_clients
            .into_iter()
            .map(|client| scope.spawn(move || race.over_if_failed(client::run(client, options, pool, race))))
            .collect();
        let tcp_clients: Vec<_> = tcp_clients
            .into_iter()
            .map(|client| scope.spawn(move || race.over_if_failed(client::run(client, options, pool, race))))
            .collect();

        let steady = race.direct(options);

        // Everybody is waited for before any result is looked at: the servers end only when they are told to.
        let udp: Vec<_> = udp_clients.into_iter().map(|client| client.join()).collect();
        let tcp: Vec<_> = tcp_clients.into_iter().map(|client| client.join()).collect();
        race.close();
        for server in servers.map(|server| server.join()) {
            server.map_err(|_| "a server panicked")??;
        }
        Report::new(options, steady, udp, tcp, pool)
    })
}
