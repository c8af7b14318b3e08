//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use std::ffi::OsString;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use crate::ending::Ending;
use crate::options::Options;
use crate::{program, run};

#[test]
fn packets_return_as_sent_and_allocate_nothing() {
    #[cfg(target_os = "linux")]
    {
        crate::trouble::threads_that_cannot_be_started(
            "tests::packets_return_as_sent_and_allocate_nothing",
            "packet_pool",
            5,
            || program(words("packet_pool --clients 1 --seconds 0.1")),
        );
        crate::trouble::results_that_cannot_be_written("packet_pool");
    }
    for uring in [false, true] {
        let options = Options {
            clients: 2,
            // The smallest, some in between, and the largest that UDP can carry.
            sizes: vec![8, 60, 61, 1400, 9000, 65_507],
            time: Duration::from_millis(600),
            port: 0,
            uring,
            watch: false,
        };
        let report = match run(&options) {
            Err(error) if uring && is_without_ring(&*error) => {
                eprintln!("SKIPPED: {error}");
                continue;
            }
            other => other.unwrap(),
        };
        let text = report.to_string();
        assert!(report.is_flawless(), "{text}");
        assert!(text.contains("\nheap allocations per packet: 0.000\n"), "{text}");
    }
    a_port_that_is_taken_is_named();
}

fn a_port_that_is_taken_is_named() {
    for protocol in ["UDP", "TCP"] {
        let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let taken = if protocol == "UDP" { udp.local_addr() } else { tcp.local_addr() }.unwrap();
        let Ending::Failed(error) = program(words(&format!("packet_pool --port {}", taken.port()))) else {
            panic!("port {} was taken", taken.port())
        };
        let expected = format!("{protocol} port {} of 127.0.0.1 cannot be had: ", taken.port());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

/// Neither build nor system may have it.
fn is_without_ring(error: &dyn std::error::Error) -> bool {
    let said = error.to_string();
    let refusal = if cfg!(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring")) {
        "io_uring is not to be had"
    } else {
        "--uring"
    };
    said.starts_with(refusal)
}

/// Arguments of a program.
fn words(words: &str) -> Vec<OsString> {
    words.split(' ').map(Into::into).collect()
}
