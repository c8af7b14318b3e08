//! The file arrives as it is, to several at once, whoever else does not read.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::ending::{self, Ending};
use crate::{BUFFER, BUFFERS, Options, parse, pool, program, serve};

/// An answer that takes longer is a failure.
const AGES: Duration = Duration::from_secs(60);

fn words(words: &[&str]) -> Vec<std::ffi::OsString> {
    words.iter().map(Into::into).collect()
}

fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(AGES)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

#[test]
fn files_arrive_as_they_are_though_others_do_not_read() {
    let file = std::env::temp_dir().join(format!("http_file-{}", std::process::id()));
    let content: Vec<u8> = (0..=250).cycle().take(400 * BUFFER + 7).collect();
    fs::write(&file, &content).unwrap();
    let listener = ending::listen(0, &mut Vec::new()).unwrap();
    let address = listener.local_addr().unwrap();
    let pool = pool().unwrap();
    let served = pool.clone();
    let options = Options { file: file.clone(), port: 0 };
    // It serves until the tests end.
    thread::spawn(move || serve(&options, &served, listener).map(drop).unwrap_err());

    // They ask and do not read. Each holds what hyper has not yet been able to write.
    let _silent: Vec<_> = (0..10).map(|_| ask(address)).collect();
    for _ in 0..3 {
        let mut answer = Vec::new();
        ask(address).read_to_end(&mut answer).unwrap();
        let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..body]).to_lowercase();
        assert!(head.contains(&format!("content-length: {}\r\n", content.len())), "{head}");
        assert!(answer[body..] == content);
    }
    let peak = pool.stats().peak;
    assert!((10..=BUFFERS * 11).contains(&peak), "{peak} buffers were in use at a time");
    fs::remove_file(file).unwrap();
}

#[test]
fn arguments_and_troubles_have_a_sentence() {
    assert_eq!(parse(words(&["http_file", "f", "--port", "7"])), Ok(Some(Options { file: "f".into(), port: 7 })));
    assert_eq!(parse(words(&["http_file", "-h"])), Ok(None));
    assert_eq!(parse(words(&["http_file"])), Err("which file?".into()));

    let failed = |arguments: &[&str], output: &mut dyn Write| match program(words(arguments), output) {
        Ending::Failed(error) => error.to_string(),
        _ => panic!("{arguments:?} did not fail"),
    };
    let error = failed(&["http_file", "/nowhere", "--port", "0"], &mut Vec::new());
    assert!(error.starts_with("/nowhere cannot be read: "), "{error}");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = failed(&["http_file", "Cargo.toml", "--port", &port], &mut Vec::new());
    assert!(error.starts_with(&format!("127.0.0.1:{port} cannot be had: ")), "{error}");
    #[cfg(target_os = "linux")]
    {
        let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = failed(&["http_file", "Cargo.toml", "--port", "0"], &mut full);
        assert!(error.starts_with("the address cannot be written to standard output: "), "{error}");
    }
}
