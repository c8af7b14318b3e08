//! The program does what it says, to clients of all kinds. They connect to a port that is free, and wait for answers, never for a time.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smarena::{BufPool, SizeClasses, StaticHeap};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::commands::{MOST_WAITING, Session, State};
use crate::ending::{self, Ending, Failure};
use crate::memory::{BUFFER, ENTRIES, Entries, LARGEST, Memory, Net, Values};
use crate::protocol::Replies;
use crate::store::{Entry, NEVER, Store};
use crate::twin::Plain;
use crate::{Options, parse as arguments, program, run};

type Pooled = BufPool<Net>;

/// An answer that takes longer is a failure.
const AGES: Duration = Duration::from_secs(60);

/// Serves on a thread until told to end.
struct Serving {
    address: SocketAddr,
    thread: JoinHandle<Result<String, Failure>>,
}

impl Serving {
    fn start(options: Options) -> Self {
        let listener = ending::listen(0, &mut Vec::new()).unwrap();
        Self { address: listener.local_addr().unwrap(), thread: thread::spawn(move || run(options, listener)) }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(AGES)).unwrap();
        stream.set_write_timeout(Some(AGES)).unwrap();
        Client(BufReader::new(stream))
    }

    fn end(self) -> String {
        self.client().send(b"SHUTDOWN\r\n");
        self.thread.join().unwrap().unwrap()
    }
}

fn options() -> Options {
    Options { port: 0, baseline: false, clients: 100, patience: AGES }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Sends a request and asserts what it is answered.
    #[track_caller]
    fn ask(&mut self, words: &[&[u8]], answer: impl AsRef<[u8]>) {
        self.send(&request(words));
        self.expect(answer);
    }

    #[track_caller]
    fn expect(&mut self, answer: impl AsRef<[u8]>) {
        let mut got = vec![0; answer.as_ref().len()];
        self.0.read_exact(&mut got).unwrap();
        assert!(got == answer.as_ref(), "{} instead of {}", got.escape_ascii(), answer.as_ref().escape_ascii());
    }

    /// Asserts that the server says this and no more.
    #[track_caller]
    fn expect_last(mut self, answer: &str) {
        let mut got = String::new();
        self.0.read_line(&mut got).unwrap();
        assert_eq!(got.trim_end(), answer);
        self.expect_end();
    }

    /// Asserts that the server closes the connection.
    #[track_caller]
    fn expect_end(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("the connection is still open: {other:?}"),
        }
    }
}

pub(crate) fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

fn entries_expire_and_are_replaced<M: Memory>() {
    let mut store = Store::<M>::new();
    store.now = 9;
    store.set(b"key", b"value", 10).unwrap();
    assert_eq!(store.get(b"key").unwrap().key_and_value(), (&b"key"[..], &b"value"[..]));
    store.now = 10;
    assert!(store.get(b"key").is_none());
    assert_eq!(store.entries.len(), 0);
    store.set(b"key", b"short", NEVER).unwrap();
    store.set(b"key", &[7; 5000], NEVER).unwrap();
    store.now = NEVER - 1;
    assert_eq!(store.get(b"key").unwrap().key_and_value(), (&b"key"[..], &[7; 5000][..]));
    assert_eq!(store.entries.len(), 1);
    assert!(store.remove(b"key") && !store.remove(b"key"));
}

#[test]
fn the_store_keeps_what_it_is_told_as_long_as_it_is_told() {
    assert_eq!((size_of::<Entry<Pooled>>(), size_of::<Entry<Plain>>()), (32, 40));
    entries_expire_and_are_replaced::<Pooled>();
    entries_expire_and_are_replaced::<Plain>();
}

/// Five times as many large entries as there is room for.
fn old_entries_make_room<M: Memory>() {
    let mut store = Store::<M>::new();
    let value = vec![1; 131_072];
    let room = ENTRIES / value.len();
    store.set(b"hot", &value, NEVER).unwrap();
    let kept = M::bytes(&[b"held ", &value], 0).unwrap();
    for number in 0..5 * room {
        store.set(format!("{number}").as_bytes(), &value, NEVER).unwrap();
        assert!(store.get(b"hot").is_some(), "what is used was evicted after {number}");
    }
    assert!(
        store.entries.len() < room && store.entries.len() > room * 9 / 10,
        "{} entries, there is room for {room}",
        store.entries.len()
    );
    assert!(store.evicted > 4 * room as u64);
    // What somebody has in hand would not make room.
    let mut held = Vec::from_iter(store.get(b"hot").map(|entry| entry.bytes.clone()));
    held.extend(
        (0..5 * room).filter_map(|number| store.get(format!("{number}").as_bytes()).map(|entry| entry.bytes.clone())),
    );
    let len = store.entries.len();
    assert!(store.set(b"one more", &value, NEVER).is_err());
    assert_eq!((store.entries.len(), held.len()), (len, len));
    drop(held);
    store.set(b"one more", &value, NEVER).unwrap();
    assert!(store.set(b"too large", &vec![0; ENTRIES], NEVER).is_err());
    drop(kept);
}

// Of one heap, which is the process's: in turn.
#[test]
fn what_the_heap_refuses_old_entries_make_room_for() {
    old_entries_make_room::<Pooled>();
    old_entries_make_room::<Plain>();
    // Those whose blocks would not do are not asked.
    let mut store = Store::<Pooled>::new();
    store.set(b"small", b"value", NEVER).unwrap();
    (0..1600).for_each(|number: u32| store.set(&number.to_le_bytes(), &[2; 131_072], NEVER).unwrap());
    assert!(store.evicted > 0 && store.get(b"small").is_some());
}

fn commands(options: Options) {
    let serving = Serving::start(options);
    let client = &mut serving.client();
    client.ask(&[b"PING"], "+PONG\r\n");
    client.ask(&[b"CONFIG", b"GET", b"save"], "*2\r\n+save\r\n+\r\n");
    client.ask(&[b"GET", b"a"], "$-1\r\n");
    client.ask(&[b"set", b"a", b"\r\n\0"], "+OK\r\n");
    client.ask(&[b"GET", b"a"], "$3\r\n\r\n\0\r\n");
    client.ask(&[b"INCR", b"a"], "-ERR value is not an integer or out of range\r\n");
    client.ask(&[b"MSET", b"a", b"9223372036854775806", b"b", b"-1"], "+OK\r\n");
    client.ask(&[b"INCR", b"a"], ":9223372036854775807\r\n");
    client.ask(&[b"INCR", b"a"], "-ERR value is not an integer or out of range\r\n");
    client.ask(&[b"INCR", b"b"], ":0\r\n");
    client.ask(&[b"INCR", b"c"], ":1\r\n");
    client.ask(&[b"EXPIRE", b"c", b"100000"], ":1\r\n");
    client.ask(&[b"INCR", b"c"], ":2\r\n");
    client.ask(&[b"EXPIRE", b"c", b"-7"], ":1\r\n");
    client.ask(&[b"GET", b"c"], "$-1\r\n");
    client.ask(&[b"EXPIRE", b"c", b"1"], ":0\r\n");
    client.ask(&[b"DEL", b"a", b"c", b"b", b"a"], ":2\r\n");
    client.ask(&[b"MSET", b"a"], "-ERR unknown command 'MSET', or not with 1 arguments\r\n");
    client.ask(&[b"SUBSCRIBE"], "-ERR unknown command 'SUBSCRIBE', or not with 0 arguments\r\n");
    client.ask(&[b"DEL"], "-ERR unknown command 'DEL', or not with 0 arguments\r\n");
    client.ask(&[&[b'\n'; 5000]], format!("-ERR unknown command '{}', or not with 0 arguments\r\n", "\\n".repeat(64)));

    // From the shortest to those that are shared, need more than a buffer, and are the largest.
    let value: Vec<u8> = (0..=250).cycle().take(LARGEST).collect();
    let mut pipelined = Vec::new();
    let mut answers = Vec::new();
    for len in [0, 1, 4095, 4096, BUFFER - 40, BUFFER, 200_000, LARGEST - 60] {
        let value = &value[..len];
        pipelined.extend([request(&[b"SET", b"large", value]), request(&[b"GET", b"large"])].concat().repeat(2));
        answers.extend([format!("+OK\r\n${len}\r\n").as_bytes(), value, b"\r\n"].concat().repeat(2));
    }
    // More than are written at once.
    let value = &value[..5000];
    pipelined.extend([request(&[b"SET", b"large", value]), request(&[b"GET", b"large"]).repeat(100)].concat());
    answers.extend([&b"+OK\r\n"[..], &[b"$5000\r\n", value, b"\r\n"].concat().repeat(100)].concat());
    let (mut writer, bytes) = (client.0.get_ref().try_clone().unwrap(), pipelined);
    let writing = thread::spawn(move || writer.write_all(&bytes).unwrap());
    client.expect(&answers);
    writing.join().unwrap();
    assert!(serving.end().starts_with("1 entries, "));
}

#[test]
fn commands_do_what_they_are_known_for() {
    commands(options());
    commands(Options { baseline: true, ..options() });
}

#[test]
fn messages_reach_those_who_subscribed() {
    let serving = Serving::start(options());
    let (mut first, mut second, mut publisher) = (serving.client(), serving.client(), serving.client());
    first.ask(&[b"SUBSCRIBE", b"news"], "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    second.ask(
        &[b"SUBSCRIBE", b"news", b"x"],
        "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2\r\n",
    );
    let large = [b'l'; 20_000];
    publisher.ask(&[b"PUBLISH", b"news", b"hello"], ":2\r\n");
    publisher.ask(&[b"PUBLISH", b"x", &large], ":1\r\n");
    publisher.ask(&[b"PUBLISH", b"nobody", b"hello"], ":0\r\n");
    for client in [&mut first, &mut second] {
        client.expect("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    }
    second.expect([&b"*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$20000\r\n"[..], &large, b"\r\n"].concat());
    // A subscriber can still ask, and is subscribed once.
    first.ask(&[b"PING"], "+PONG\r\n");
    first.ask(&[b"SUBSCRIBE", b"news"], "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let names: Vec<_> = (0..16).map(|name| format!("{name}")).collect();
    for name in &names[1..] {
        first.send(&request(&[b"SUBSCRIBE", name.as_bytes()]));
    }
    first.send(&request(&[b"SUBSCRIBE", b"one more"]));
    let mut line = String::new();
    while !line.starts_with('-') {
        line.clear();
        first.0.read_line(&mut line).unwrap();
    }
    assert_eq!(line, "-ERR at most 16 channels with names of 256 bytes\r\n");

    // Who does not read is cut off, and others still hear everything.
    let mut published = 0;
    let flood = request(&[b"PUBLISH", b"news", &large]);
    let mut reading = second;
    let expected = [&b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$20000\r\n"[..], &large, b"\r\n"].concat();
    loop {
        publisher.send(&flood);
        let mut answer = String::new();
        publisher.0.read_line(&mut answer).unwrap();
        published += 1;
        reading.expect(&expected);
        match &*answer {
            ":2\r\n" => assert!(published < 50_000),
            ":1\r\n" => break,
            other => panic!("{other}"),
        }
    }
    // After the last message that it was sent.
    first.0.read_to_end(&mut Vec::new()).unwrap();
    drop(reading);
    serving.end();
}

#[test]
fn who_is_too_far_behind_is_told_so_at_last() {
    for text in [&b"short"[..], &[b'l'; 20_000]] {
        let mut state = State::new(options(), Plain);
        let (inbox, mut told) = mpsc::channel(MOST_WAITING + 1);
        let mut session = Session { channels: 0, inbox };
        let mut replies = Replies::new(Plain.buffer().unwrap());
        state.execute([&b"SUBSCRIBE"[..], b"news"].into_iter().collect(), &mut session, &mut replies).unwrap();
        let published = (0..).take_while(|_| state.publish(b"news", text).unwrap() == 1).count();
        let heard = std::iter::from_fn(|| told.try_recv().unwrap()).count();
        assert_eq!(heard, published);
        assert!(heard <= MOST_WAITING && heard * text.len() < 5 << 20, "{heard}");
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn who_does_not_read_is_waited_for_and_then_cut_off() {
    let serving = Serving::start(Options { patience: Duration::from_millis(200), ..options() });
    let (mut attacker, mut client) = (serving.client(), serving.client());
    // Of a size that no other test uses, so that its blocks can be counted.
    let value = vec![b'v'; 45_000];
    let class = Entries::class_of_size(value.len() + 1);
    let flood = [request(&[b"SET", b"k", &value]), request(&[b"GET", b"k"])].concat();
    let sending = thread::spawn(move || {
        let sent = (0..20_000).take_while(|_| attacker.0.get_mut().write_all(&flood).is_ok()).count();
        (sent, attacker)
    });
    // Each reply shares another block. Others are served meanwhile.
    let mut most = 0;
    while !sending.is_finished() {
        client.ask(&[b"SET", b"small", b"value"], "+OK\r\n");
        client.ask(&[b"GET", b"small"], "$5\r\nvalue\r\n");
        most = most.max(Values::HEAP.stats().buckets()[class].live);
    }
    let (sent, attacker) = sending.join().unwrap();
    assert!(sent < 2000, "the server read {sent} large requests whose answers nobody read");
    assert!((1..10).contains(&most), "{most} blocks were held");
    drop(attacker);
    serving.end();
}

#[test]
fn what_is_announced_takes_no_more_than_there_is() {
    let serving = Serving::start(options());
    let mut client = serving.client();
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
    client.expect_last("-ERR Protocol error: a request has a MiB at most");

    // Each has begun a request of almost a MiB, for which its buffer grows; all together as far as the pool has growth.
    let begun = [&b"PING\r\n"[..], b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n"].concat();
    let mut waiting: Vec<_> = (0..18).map(|_| serving.client()).collect();
    for client in &mut waiting {
        client.send(&begun);
        client.expect("+PONG\r\n");
    }
    let mut line = String::new();
    waiting[17].0.read_line(&mut line).unwrap();
    assert!(line.starts_with("-ERR ") && line.contains("65536"), "{line}");
    // Others are served, and those who go on.
    serving.client().ask(&[b"SET", b"k", &[1; 50_000]], "+OK\r\n");
    waiting[0].send(&[b'v'; 1_000_000]);
    waiting[0].send(b"\r\n");
    waiting[0].expect("+OK\r\n");
    drop(waiting);
    serving.end();
}

#[test]
fn who_stops_in_the_middle_of_a_request_is_cut_off() {
    let serving = Serving::start(Options { patience: Duration::from_millis(1), ..options() });
    let mut client = serving.client();
    client.send(b"*2\r\n$3\r\nGET\r\n");
    client.expect_end();
    // Between requests one may be silent for as long as one likes.
    let mut silent = serving.client();
    silent.ask(&[b"PING"], "+PONG\r\n");
    serving.client().send(b"*2\r\n");
    silent.ask(&[b"PING"], "+PONG\r\n");
    serving.end();
}

#[test]
fn as_many_may_connect_as_there_are_buffers_for() {
    let serving = Serving::start(Options { clients: 2, ..options() });
    let mut clients = [serving.client(), serving.client()];
    clients.iter_mut().for_each(|client| client.ask(&[b"PING"], "+PONG\r\n"));
    serving.client().expect_last("-ERR max number of clients reached");
    let [first, _second] = clients;
    drop(first);
    // Soon there is room for another.
    while {
        let mut next = serving.client();
        next.send(b"SHUTDOWN\r\n");
        next.0.read_line(&mut String::new()).is_ok_and(|len| len > 0)
    } {}
    assert!(serving.thread.join().unwrap().is_ok());
}

#[test]
fn arguments_and_troubles_have_a_sentence() {
    let words = |words: &str| words.split(' ').map(Into::into).collect::<Vec<_>>();
    let expected = Options { port: 7, baseline: true, clients: 2000, patience: Duration::from_secs(30) };
    assert_eq!(arguments(words("resp --port 7 --baseline")), Ok(Some(expected)));
    assert_eq!(arguments(words("resp -h")), Ok(None));
    assert_eq!(arguments(words("resp --port 65536")), Err("--port: \"65536\" is not a number from 0 to 65535".into()));

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let Ending::Failed(error) = program(words(&format!("resp --port {port}")), &mut Vec::new()) else {
        panic!("port {port} was taken")
    };
    assert!(error.to_string().starts_with(&format!("127.0.0.1:{port} cannot be had: ")), "{error}");
    #[cfg(target_os = "linux")]
    {
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let Ending::Failed(error) = program(words("resp --port 0"), &mut full) else {
            panic!("nothing can be written")
        };
        assert!(error.to_string().starts_with("the address cannot be written to standard output: "), "{error}");
    }
}
