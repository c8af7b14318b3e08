//! The program does what it says.

use std::io::IoSliceMut;
use std::net::UdpSocket;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use smarena::BufPool;

use crate::{Net, Options, Way, batch, parse, run};

fn parsed(arguments: &[&str]) -> Result<Option<Options>, String> {
    parse(["uring_echo"].iter().chain(arguments).map(Into::into).collect::<Vec<_>>())
}

#[test]
fn arguments_are_checked() {
    let options =
        parsed(&["--size", "8", "--window", "1", "--batch", "1", "--ways", "pool,BytesMut"]).unwrap().unwrap();
    assert_eq!((options.size, options.window, options.ways), (8, 1, vec![Way::Pool, Way::BytesMut]));
    assert_eq!(parsed(&["--help"]), Ok(None));
    assert_eq!(parsed(&["--size", "7"]).unwrap_err(), "--size: \"7\" is not a number from 8 to 1472");
    let too_many = parsed(&["--window", "7", "--batch", "5"]).unwrap_err();
    assert_eq!(too_many, "--batch: 5 are more than half a window of 7");
    assert_eq!(parsed(&["--ways", "none"]).unwrap_err(), "--ways: there is no way \"none\"");
}

#[test]
fn echoes_come_back_as_sent_and_no_packet_allocates() {
    for way in Way::ALL {
        for (size, window, batch) in [(8, 1, 1), (1024, 32, 1), (1472, 7, 4), (1472, 64, 32)] {
            let rounds = match run(&Options { size, window, batch, packets: 300, rounds: 1, ways: vec![way] }) {
                Err(error) if error.to_string().contains("io_uring is not to be had") => {
                    eprintln!("SKIPPED: {error}");
                    continue;
                }
                other => other.unwrap(),
            };
            // Entering its runtime is not for nothing.
            let most = match way {
                Way::Uring | Way::UringTogether => 0,
                Way::BytesMut => u64::MAX,
                Way::Batch | Way::Pool | Way::OneBytesMut => 2,
            };
            if way == Way::Batch && batch == 32 && system_puts_together() {
                assert!(rounds[0].calls < rounds[0].packets / 2, "{:?}", rounds[0]);
            }
            assert!(rounds[0].calls > 0 && rounds[0].allocations <= most, "{:?}", rounds[0]);
        }
    }
}

/// What the system has put together is one lease, and each datagram can be passed on by itself, without a copy.
#[test]
fn datagrams_that_came_together_are_passed_on_one_by_one() {
    if !system_puts_together() {
        return eprintln!("SKIPPED: the system puts no datagrams together");
    }
    let [from, to] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [sending, receiving] = [&from, &to].map(|socket| UdpSocketState::new(socket.into()).unwrap());
    let contents = &[[1; 100], [2; 100], [3; 100]].concat()[..250];
    let destination = to.local_addr().unwrap();
    let together = Transmit { destination, ecn: None, contents, segment_size: Some(100), src_ip: None };
    sending.try_send((&from).into(), &together).unwrap();

    let pool = BufPool::builder().buf_size(batch::room(100)).limit(1).build_in(Net).unwrap();
    let mut lease = pool.try_acquire().unwrap();
    let mut about = [RecvMeta::default()];
    to.set_nonblocking(false).unwrap();
    receiving.recv((&to).into(), &mut [IoSliceMut::new(lease.initialized())], &mut about).unwrap();
    lease.truncate(about[0].len);
    let mut datagrams = Vec::new();
    while !lease.is_empty() {
        let len = about[0].stride.min(lease.len());
        datagrams.push(lease.split_to(len).freeze());
    }
    drop(lease);
    assert_eq!(
        datagrams.iter().map(|datagram| (datagram[0], datagram.len())).collect::<Vec<_>>(),
        [(1, 100), (2, 100), (3, 50)]
    );
    assert_eq!(datagrams[1].as_ptr(), datagrams[0].as_ptr().wrapping_add(100));
    datagrams.truncate(1);
    assert_eq!(pool.in_flight(), 1);
    datagrams.clear();
    assert_eq!(pool.in_flight(), 0);
}

/// Whether the system sends several datagrams by one call, and receives them so.
fn system_puts_together() -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    state.max_gso_segments() > 1 && state.gro_segments() > 1
}
