//! Real packets through a pool of buffers: echo servers and clients on loopback, all in this one program.
//!
//! ```text
//! cargo run --release --example packet_pool -- --clients 4 --sizes 64,512,9000 --seconds 10
//! ```
//!
//! A UDP server and a TCP server send back whatever they receive; client threads send packets and compare every byte
//! that returns. Every buffer on either side is a lease from one pool. When all of them have begun the program counts
//! what the threads together ask of the system's allocator: it should be nothing at all.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | a heap with your own block sizes, a pool on top, threads that share it |
//! | `watch` | what heap and pool say of themselves while they work: `cargo run --release -p packet_pool -- --watch` |
//! | `udp`, `tcp` | a server that borrows a buffer for each packet, and the client's half of it |
//! | `uring` | both servers by io_uring, with buffers that the kernel fills: `--features io-uring`, and `--uring` behind the `--` |
//! | `client` | what every client does, whatever the protocol |
//! | `race` | when to warm up, measure and stop |
//! | `options`, `report` | arguments, results |
//! | `payload`, `counting`, `arguments`, `ending` in the folder `shared` | content that can be checked, allocations, numbers from the command line, how a program ends |

#[path = "../shared/arguments.rs"]
mod arguments;
#[cfg(all(test, target_os = "linux"))]
#[path = "../../../tests/child/mod.rs"]
mod child;
mod client;
#[path = "../../../tests/common/counting.rs"]
mod counting;
#[path = "../shared/ending.rs"]
mod ending;
mod options;
#[path = "../shared/payload.rs"]
mod payload;
mod race;
mod report;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_os = "linux"))]
#[path = "../shared/trouble.rs"]
mod trouble;
mod udp;
#[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring"))]
mod uring;
/// In the package `packet_pool` alone (`docs/examples/watch`), which has what it takes.
#[cfg(feature = "watch")]
mod watch;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::thread;

use smarena::{BufPool, Lease};

use ending::{Ending, Failure, spawn};
use options::{Options, Parsed};
use race::Race;
use report::Report;

smarena::size_classes! {
    /// The block sizes of our heap: what travels on a network, from a small datagram to the largest one. Buffers of 2 and 64 KiB have a cache
    /// line more, so that their first bytes do not all compete for the same places of the processor's caches.
    pub(crate) Packets: [64, 256, 1536, 2112, 9216, 65600]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Packets { bucket_bytes: 64 << 20, name: "net" }
}

pub(crate) type Pool = BufPool<Net>;
/// A buffer from the pool. It goes back when it is dropped, on whichever thread that happens.
pub(crate) type Buffer = Lease<Net>;

fn main() -> ExitCode {
    program(std::env::args_os().collect()).tell("packet_pool")
}

/// The program, for these arguments; the first is its name.
pub(crate) fn program(arguments: Vec<OsString>) -> Ending {
    match options::parse(arguments) {
        Ok(Parsed::Help) => Ending::Good(options::HELP.to_owned()),
        Ok(Parsed::Run(options)) if options.watch && !can_be_watched() => Ending::Misused(NO_VIEW.to_owned()),
        Ok(Parsed::Run(options)) => match run(&options) {
            Ok(report) if report.is_flawless() => Ending::Good(report.to_string()),
            Ok(report) => Ending::Flawed(report.to_string()),
            Err(error) => Ending::Failed(error),
        },
        Err(error) => Ending::Misused(error),
    }
}

const NO_VIEW: &str = if cfg!(feature = "watch") {
    "--watch: standard output is no terminal"
} else {
    "--watch: this build has no live view; `cargo run --release -p packet_pool -- --watch` has"
};

fn can_be_watched() -> bool {
    cfg!(feature = "watch") && std::io::stdout().is_terminal()
}

/// For builds without it.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring")))]
mod uring {
    use super::*;

    pub(crate) fn serve(_: UdpSocket, _: TcpListener, _: &Options, _: &Race) -> Result<(), Failure> {
        Err("--uring: this build cannot; `cargo run --release --features io-uring --example packet_pool -- --uring` can, on Linux".into())
    }
}

/// Starts both servers and all clients, waits until they have ended, and adds up what they saw.
pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let pool = BufPool::builder()
        .buf_size(options.largest_packet() + tcp::PREFIX)
        // A client holds two buffers, the packet and its echo; a server one for each packet it is busy with.
        .limit(2 * 2 * options.clients + options.clients + 1)
        .build_in(Net)?;
    let race = Race::new(2 * options.clients);

    // All sockets are connected before a thread starts: a failure up to here leaves nobody waiting.
    let address = (Ipv4Addr::LOCALHOST, options.port);
    let taken = |protocol, error| format!("{protocol} port {} of {} cannot be had: {error}", address.1, address.0);
    let udp_server = UdpSocket::bind(address).map_err(|error| taken("UDP", error))?;
    let tcp_server = TcpListener::bind(address).map_err(|error| taken("TCP", error))?;
    let mut udp_clients = Vec::new();
    let mut tcp_clients = Vec::new();
    for _ in 0..options.clients {
        udp_clients.push(udp::Client::connect(udp_server.local_addr()?)?);
        tcp_clients.push(tcp::Client::connect(tcp_server.local_addr()?)?);
    }

    thread::scope(|scope| {
        let (pool, race) = (&pool, &race);
        let (mut servers, mut udp, mut tcp) = (Vec::new(), Vec::new(), Vec::new());
        // If one of them cannot be started, those before it are told.
        let everybody = race.part(|| {
            if options.uring {
                let serve_both = move || race.part(|| uring::serve(udp_server, tcp_server, options, race));
                servers.push(spawn(scope, "the ring", serve_both)?);
            } else {
                let serve_udp = move || race.part(|| udp::serve(&udp_server, pool, race));
                servers.push(spawn(scope, "the UDP server", serve_udp)?);
                let serve_tcp = move || race.part(|| tcp::serve(tcp_server, options.clients, pool, race));
                servers.push(spawn(scope, "the TCP server", serve_tcp)?);
            }
            for client in udp_clients {
                udp.push(spawn(scope, "a UDP client", move || race.part(|| client::run(client, options, pool, race)))?);
            }
            for client in tcp_clients {
                tcp.push(spawn(scope, "a TCP client", move || race.part(|| client::run(client, options, pool, race)))?);
            }
            #[cfg(feature = "watch")]
            if options.watch {
                servers.push(spawn(scope, "the view", move || race.part(|| watch::show(pool, race)))?);
            }
            Ok(())
        });
        let steady = race.direct(options);

        // Everybody is waited for before any result is looked at: the servers end only when they are told to.
        let udp: Vec<_> = udp.into_iter().map(|client| client.join()).collect();
        let tcp: Vec<_> = tcp.into_iter().map(|client| client.join()).collect();
        race.close();
        let servers: Vec<_> = servers.into_iter().map(|server| server.join()).collect();
        everybody?;
        for server in servers {
            server.map_err(|_| "a server panicked")??;
        }
        Report::new(options, steady, udp, tcp, pool)
    })
}
