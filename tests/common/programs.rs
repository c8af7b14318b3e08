//! Programs that allocate as real ones do, and their recordings. Who has this has a recorder as global allocator.

use std::alloc::System;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use smarena::record::{Forecast, Goal, Log, LogRef, Recommendation, Recorder, Recording};
use smarena::{Geometric, SizeClasses};

#[path = "../child/mod.rs"]
mod child;

/// The log of whatever program is being recorded: 1 is the first one's.
static LOGS: [Log; 6] = [const { Log::new() }; 6];
static REST: Log = Log::with_events(0);
static WHICH: AtomicUsize = AtomicUsize::new(0);
struct Current;

impl Deref for Current {
    type Target = Log;

    fn deref(&self) -> &Log {
        match WHICH.load(Relaxed) {
            0 => &REST,
            which => &LOGS[which - 1],
        }
    }
}

// SAFETY: there are as many logs as numbers that are stored.
unsafe impl LogRef for Current {}

#[global_allocator]
static ALLOCATOR: Recorder<System, Current> = Recorder::with_log(System, Current);

/// What is recorded of programs, each with the number of its log. They run one after the other in a process of their own, where no other test puts
/// anything into their recordings. `test` is the calling test's own name.
pub(crate) fn recordings(test: &str, programs: &[(usize, fn())]) -> Vec<(usize, Recording)> {
    let file = |which: usize| -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recording_{which}_of_{test}.bin"))
    };
    let output = child::in_child(test, || {
        for &(which, program) in programs {
            WHICH.store(which, Relaxed);
            program();
            WHICH.store(0, Relaxed);
            LOGS[which - 1].recording().save(File::create(file(which)).unwrap()).unwrap();
        }
    });
    assert!(output.status.success(), "{output:?}");
    let load = |&(which, _): &(usize, fn())| {
        let recording = Recording::load(File::open(file(which)).unwrap()).unwrap();
        std::fs::remove_file(file(which)).unwrap();
        assert!(recording.allocations() > 2_000 && recording.one_in() == 1, "program {which}");
        (which, recording)
    };
    programs.iter().map(load).collect()
}

/// Reads and writes documents, as a web service does.
fn json() {
    let document = |n: usize| {
        let tags: Vec<String> = (0..n % 7).map(|tag| format!("tag-{}", tag * n)).collect();
        serde_json::json!({"id": n, "name": "x".repeat(n % 40), "tags": tags, "nested": {"value": n as f64 / 3.0, "text": "long ".repeat(n % 90)}})
    };
    let texts: Vec<String> = (0..250).map(|n| document(n).to_string()).collect();
    let kept: Vec<serde_json::Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(kept.iter().map(|value| value["id"].as_u64().unwrap()).sum::<u64>(), 249 * 125);
}

/// Builds and folds trees of expressions, with names and lists of arguments, as a compiler does.
fn compiler() {
    enum Node {
        Number(u64),
        Name(String),
        Add(Box<(Node, Node)>),
        Call(String, Vec<Node>),
    }
    fn build(seed: u64, depth: u32) -> Node {
        let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (depth, next >> 62) {
            (0, n) if n < 2 => Node::Number(next >> 33),
            (0, _) => Node::Name(format!("variable_{}", next >> 48)),
            (_, 0 | 1) => Node::Add(Box::new((build(next, depth - 1), build(next ^ 7, depth - 1)))),
            (_, arguments) => Node::Call(
                "f".repeat((next >> 59) as usize),
                (0..arguments).map(|n| build(next ^ n, depth - 1)).collect(),
            ),
        }
    }
    fn fold(node: Node) -> u64 {
        match node {
            Node::Number(n) => n,
            Node::Name(name) => name.len() as u64,
            Node::Add(both) => fold(both.0).wrapping_add(fold(both.1)),
            Node::Call(name, arguments) => arguments.into_iter().map(fold).fold(name.len() as u64, u64::wrapping_add),
        }
    }
    assert!((0..8).map(|seed| fold(build(seed, 10))).fold(0, u64::wrapping_add) > 0);
}

/// Serves lines on two threads, with a table of sessions.
fn server() {
    let sessions = Arc::new(Mutex::new(HashMap::new()));
    let (send, receive) = std::sync::mpsc::sync_channel::<Vec<u8>>(64);
    let worker = {
        let sessions = sessions.clone();
        std::thread::spawn(move || {
            for (n, line) in receive.into_iter().enumerate() {
                let words: Vec<String> = String::from_utf8(line).unwrap().split(' ').map(str::to_owned).collect();
                sessions.lock().unwrap().insert(n % 500, words);
            }
        })
    };
    for n in 0..1_500_usize {
        send.send(format!("GET /item/{n} HTTP/1.1 {}", "header: value ".repeat(n % 9)).into_bytes()).unwrap();
    }
    drop(send);
    worker.join().unwrap();
    assert_eq!(sessions.lock().unwrap().len(), 500);
}

/// Keeps strings under names, as a store does that is asked over a network: each command is divided into its words.
fn store() {
    fn words(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
        fn number(rest: &mut &[u8]) -> Option<usize> {
            let end = rest.windows(2).position(|two| two == b"\r\n")?;
            let number = std::str::from_utf8(&rest[1..end]).ok()?.parse().ok();
            *rest = &rest[end + 2..];
            number
        }
        let count = number(rest)?;
        let mut word = || {
            let len = number(rest)?;
            let word = rest[..len].to_vec();
            *rest = &rest[len + 2..];
            Some(word)
        };
        (0..count).map(|_| word()).collect()
    }
    let command = |words: &[String]| {
        let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        move |count: usize| format!("*{count}\r\n{words}")
    };
    let (mut kept, mut found) = (HashMap::new(), 0);
    for n in 0..2500_usize {
        let set = command(&["SET".to_owned(), format!("user:{}", n * 7919 % 700), "value ".repeat(n * 31 % 60)])(3);
        let get = command(&["GET".to_owned(), format!("user:{}", n * 7 % 900)])(2);
        let input = set + &get;
        let mut rest = input.as_bytes();
        while let Some(mut command) = words(&mut rest) {
            match command.len() {
                3 => drop(kept.insert(command.swap_remove(1), command.pop())),
                _ => found += usize::from(kept.contains_key(&command[1])),
            }
        }
    }
    assert!(found > 200 && kept.len() > 100);
}

/// Kept aside while the others were what was tried: a web server on real connections, with a thread for each.
fn web() {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = |stream: std::net::TcpStream| {
        let (mut reader, mut answered) = (BufReader::new(stream.try_clone().unwrap()), 0);
        loop {
            let mut first = String::new();
            if reader.read_line(&mut first).unwrap() == 0 {
                return answered;
            }
            let mut headers = BTreeMap::new();
            for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
                let (name, value) = line.split_once(": ").unwrap();
                headers.insert(name.to_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let path: Vec<&str> = first.split(' ').nth(1).unwrap().split('/').collect();
            let page = format!("<p>{}</p>\n", path.join(" ")).repeat(1 + body.len() % 11);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            (&stream).write_all(answer.as_bytes()).unwrap();
            answered += 1;
        }
    };
    let ask = |client: usize| {
        let stream = std::net::TcpStream::connect(address).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for n in 0..150 {
            let body = "b".repeat((n * client * 37) % 900);
            let headers: String = (0..n % 8).map(|n| format!("X-Header-{n}: {}\r\n", "x".repeat(n * 9))).collect();
            let len = body.len();
            let request = format!(
                "POST /shop/{client}/item/{n} HTTP/1.1\r\nHost: shop\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
            );
            (&stream).write_all(request.as_bytes()).unwrap();
            let mut lines = reader.by_ref().lines().map(Result::unwrap);
            let length = lines.nth(1).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            assert_eq!(lines.next().as_deref(), Some(""));
            let mut page = vec![0; length];
            reader.read_exact(&mut page).unwrap();
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (1..=3).map(|client| scope.spawn(move || ask(client))).collect();
        let servers: Vec<_> =
            (1..=3).map(|_| listener.accept().unwrap().0).map(|stream| scope.spawn(move || serve(stream))).collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(servers.into_iter().map(|server| server.join().unwrap()).sum::<usize>(), 450);
    });
}

/// Kept aside, too: a compiler's front and a printer, those that make the header for C.
fn bindings() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi.rs");
    let made = cbindgen::Builder::new().with_src(source).generate().unwrap();
    let mut text = Vec::new();
    made.write(&mut text);
    assert!(text.len() > 1000);
}

/// What was looked at while the way to choose block sizes was chosen, and what was not.
pub(crate) const TRIED: [(usize, fn()); 4] = [(1, json), (2, compiler), (3, server), (4, store)];
pub(crate) const KEPT_ASIDE: [(usize, fn()); 2] = [(5, web), (6, bindings)];

/// What the general table would take, with as many classes as it needs to serve every size that was seen; and the best with as many.
pub(crate) fn tables(recording: &Recording) -> (Forecast, Recommendation) {
    let general = Geometric::<64>::BLOCK_SIZES;
    let largest = recording.sizes().iter().rfind(|cell| cell.most <= general[63]).unwrap().most;
    let general = &general[..=general.partition_point(|&block| block < largest)];
    let goal = Goal { classes: general.len(), waste: 0.0, ..Goal::default() };
    (recording.forecast(general, &vec![1 << 20; general.len()]), recording.recommend(&goal))
}
