//! Recordings of programs that allocate as real ones do, what is recommended for them, and whether it comes true.
#![cfg(feature = "record")]
#![expect(unsafe_code, reason = "raw calls, to replay what was recorded")]
#![expect(clippy::cast_possible_truncation, reason = "small counts")]

use std::alloc::{Layout, System};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use smarena::record::{Event, Forecast, Goal, Log, LogRef, Recorder, Recording};
use smarena::{Geometric, Global, Heap, HeapRef, Linear, Piecewise, SizeClasses, SmBox, SmBuf};

/// The log of whatever program is being recorded: 0 is for all else.
static LOGS: [Log; 7] = [const { Log::new() }; 7];
static WHICH: AtomicUsize = AtomicUsize::new(0);
struct Current;

impl Deref for Current {
    type Target = Log;

    fn deref(&self) -> &Log {
        &LOGS[WHICH.load(Relaxed)]
    }
}

// SAFETY: there are as many logs as numbers that are stored.
unsafe impl LogRef for Current {}

#[global_allocator]
static ALLOCATOR: Recorder<System, Current> = Recorder::with_log(System, Current);

/// Runs a program with nothing else in its recording but what the test harness may do beside it.
fn recorded(which: usize, program: impl FnOnce()) -> Recording {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    WHICH.store(which, Relaxed);
    program();
    WHICH.store(0, Relaxed);
    LOGS[which].recording()
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
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi.rs");
    let made = cbindgen::Builder::new().with_src(source).generate().unwrap();
    let mut text = Vec::new();
    made.write(&mut text);
    assert!(text.len() > 1000);
}

/// What a heap does with a recording's events: waste as a share of what was asked for, the share that overflowed, the most bytes live.
fn replay<C: SizeClasses>(recording: &Recording, heap: &Heap<C>) -> (f64, f64, usize) {
    let (mut asked, mut held, mut bytes, mut peak, mut blocks) = (0, 0, 0, 0, 0_usize);
    let mut live = HashMap::new();
    for &Event { block, size, align, freed, .. } in recording.events() {
        if freed {
            if let Some(block) = live.remove(&block) {
                // SAFETY: live, from this heap; it was in the table once.
                let size = unsafe { heap.usable_size(block) };
                bytes -= heap.bucket_of(block).map_or(0, |_| size);
                // SAFETY: as above, and it is gone from the table.
                unsafe { heap.free(block) };
            }
            continue;
        }
        blocks += 1;
        let new = heap.malloc(size, align).unwrap();
        if let Some(bucket) = heap.bucket_of(new) {
            asked += size;
            held += C::BLOCK_SIZES[bucket];
            bytes += C::BLOCK_SIZES[bucket];
            peak = peak.max(bytes);
        }
        assert!(live.insert(block, new).is_none(), "a block was handed out twice");
    }
    let overflowed: usize = heap.stats().buckets().iter().map(|bucket| bucket.overflowed).sum();
    // SAFETY: live, from this heap, each once.
    live.into_values().for_each(|block| unsafe { heap.free(block) });
    ((held - asked) as f64 / asked as f64, overflowed as f64 / blocks as f64, peak)
}

/// The forecast for the table `C` and a replay of the events agree within 3 %.
fn comes_true<C: SizeClasses>(recording: &Recording) {
    let plenty = C::BLOCK_SIZES.iter().map(|_| 1 << 20).collect::<Vec<_>>();
    let forecast = recording.forecast(C::BLOCK_SIZES, &plenty);
    let heap = Heap::<C>::builder().bucket_bytes(256 << 20).no_thread_cache().build().unwrap();
    let (waste, overflow, peak) = replay(recording, &heap);
    let near = |a: f64, b: f64| (a - b).abs() <= 0.03 * b;
    assert!(
        near(forecast.waste, waste) && near(forecast.peak_bytes as f64, peak as f64),
        "{forecast:?}, but {waste} and {peak}"
    );
    assert_eq!((forecast.overflow, overflow), (0.0, 0.0));
    // With half of what the fullest bucket needs.
    let fullest = (0..C::BLOCK_SIZES.len()).max_by_key(|&class| forecast.classes[class].peak).unwrap();
    let mut few = plenty;
    few[fullest] = forecast.classes[fullest].peak as usize / 2;
    let forecast = recording.forecast(C::BLOCK_SIZES, &few);
    let size = C::BLOCK_SIZES[fullest];
    let heap = Heap::<C>::builder()
        .bucket_bytes(256 << 20)
        .bucket_bytes_of(size, few[fullest] * size)
        .no_thread_cache()
        .build()
        .unwrap();
    let (_, overflow, _) = replay(recording, &heap);
    assert!(overflow > 0.0 && near(forecast.overflow, overflow), "{} predicted, {overflow} seen", forecast.overflow);
}

#[test]
fn programs_get_tables_that_waste_less_and_forecasts_that_come_true() {
    for (which, program) in [json as fn(), compiler, server, store].into_iter().enumerate() {
        judge(which + 1, program);
    }
}

/// Neither was looked at while the way to choose block sizes was chosen.
#[test]
fn so_do_programs_that_were_kept_aside() {
    judge(5, web);
    judge(6, bindings);
}

fn judge(which: usize, program: fn()) {
    let recording = recorded(which, program);
    assert!(recording.allocations() > 2_000 && recording.one_in() == 1, "program {which}");
    // As many classes as the general table needs to serve every size that was seen.
    let general = Geometric::<64>::BLOCK_SIZES;
    let largest = recording.sizes().iter().rfind(|cell| cell.most <= general[63]).unwrap().most;
    let general = &general[..=general.partition_point(|&block| block < largest)];
    let geometric = recording.forecast(general, &vec![1 << 20; general.len()]);
    let tuned = recording.recommend(&Goal { classes: general.len(), waste: 0.0, ..Goal::default() });
    // Of what a table can avoid.
    let avoidable = |forecast: &Forecast| forecast.waste - forecast.grain_waste;
    assert!(
        avoidable(tuned.forecast()) <= avoidable(&geometric) * 2.0 / 3.0,
        "program {which}: {geometric:?}\n{tuned}"
    );
    assert_eq!((tuned.forecast().overflow, tuned.forecast().too_large), (0.0, geometric.too_large));
    comes_true::<Geometric<40>>(&recording);
    comes_true::<Linear<64>>(&recording);
    comes_true::<Piecewise<40>>(&recording);
}

smarena::size_classes! { Seen: [32, 208, 1008] }

#[test]
fn a_recommended_heap_holds_what_was_recorded() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..50).map(|_| SmBox::new_in([0_u8; 200], recorder.clone())).collect();
    let large: Vec<_> = (0..5).map(|_| SmBox::new_in([0_u8; 1000], recorder.clone())).collect();
    let words: Vec<_> = (0..7_u128).map(|n| SmBox::new_in((n, n), recorder.clone())).collect();
    let recording = recorder.recording();
    let tuned = recording.recommend(&Goal { headroom: 0.0, ..Goal::default() });
    assert_eq!(tuned.block_sizes(), Seen::BLOCK_SIZES);
    let mut builder = Heap::<Seen>::builder()
        .on_exhausted(smarena::Exhausted::Refuse)
        .thread_cache(tuned.cache_bytes(), smarena::CacheWarmup::Cold);
    for (&size, &blocks) in tuned.block_sizes().iter().zip(tuned.blocks()) {
        builder = builder.bucket_bytes_of(size, blocks * size);
    }
    let (waste, overflow, peak) = replay(&recording, &builder.build().unwrap());
    assert_eq!((waste, overflow, peak as u64), (tuned.forecast().waste, 0.0, tuned.forecast().peak_bytes));
    drop((boxes, large, words));
}

#[test]
fn a_bound_of_memory_is_kept_and_what_overflows_then_is_said() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..1000).map(|_| SmBox::new_in([0_u8; 64], recorder.clone())).collect();
    let tuned = recorder.recording().recommend(&Goal { headroom: 0.0, memory: Some(32 << 10), ..Goal::default() });
    assert!(tuned.blocks()[0] * 64 <= 32 << 10);
    assert!((0.45..0.6).contains(&tuned.forecast().overflow), "{tuned}");
    drop(boxes);
}

#[test]
fn a_full_log_keeps_whole_blocks_of_a_sample_and_all_sizes() {
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(1000)));
    let layout = |n: usize| Layout::from_size_align(1 + n % 100, 1).unwrap();
    let all: Vec<_> = (0..20_000).map(|n| recorder.allocate(layout(n)).unwrap()).collect();
    let half = recorder.recording();
    // SAFETY: each is live and goes back once, with its layout.
    all.into_iter().enumerate().for_each(|(n, block)| unsafe { recorder.deallocate(block, layout(n)) });
    let recording = recorder.recording();
    assert_eq!(recording.allocations(), 20_000);
    assert_eq!(recording.sizes().iter().map(|cell| cell.bytes).sum::<u64>(), 200 * (1..=100).sum::<u64>());
    assert!(recording.one_in() >= 32 && recording.events().len() <= 1000);
    let off = half.peak_bytes() as f64 / 1_010_000.0;
    assert!((0.8..1.2).contains(&off), "estimated {off} of what was live");
    let lifetimes = recording.lifetimes();
    assert_eq!(lifetimes.freed as usize * 2, recording.events().len(), "each block of the sample has both its events");
    assert_eq!(lifetimes.remote, 0);
}

#[test]
fn threads_are_told_apart_and_reallocations_are_a_block_less_and_one_more() {
    let recorder = Recorder::new(Global);
    let mut buf = SmBuf::with_capacity_in(10, recorder.clone());
    buf.resize(100_000, 7);
    std::thread::scope(|scope| {
        scope.spawn(move || drop(buf));
    });
    let recording = recorder.recording();
    let events: Vec<_> = recording.events().iter().map(|event| (event.freed, event.size)).collect();
    assert!(matches!(events[..], [(false, 16), .., (false, _), (true, _)]), "{events:?}");
    let lifetimes = recording.lifetimes();
    assert_eq!((lifetimes.remote, events.len()), (1, 2 * recording.allocations() as usize));
}

#[test]
fn a_file_comes_back_and_a_hostile_one_is_refused() {
    let recorder = Recorder::new(Global);
    drop(SmBox::new_in([1_u8; 500], recorder.clone()));
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    assert_eq!(Recording::load(&file[..]).unwrap(), recorder.recording());
    for cut in 0..file.len() {
        assert!(Recording::load(&file[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0xff;
        // An error, or another recording, but neither a panic nor a great allocation; and what is read can be worked with.
        if let Ok(recording) = Recording::load(&changed[..]) {
            work_with(&recording);
        }
    }
}

/// Asks a recording everything.
fn work_with(recording: &Recording) {
    drop((recording.lifetimes(), recording.peak_bytes(), recording.forecast(&[512], &[10])));
    let tuned = recording.recommend(&Goal::default());
    drop((recording.concurrency(), recording.alignments(), recording.advice(), tuned.to_string()));
    #[cfg(feature = "pictures")]
    {
        let pictures = [recording.picture_of_sizes(tuned.block_sizes()), recording.picture_of_memory()];
        assert!(pictures.iter().all(|picture| picture.ends_with("</svg>\n")));
        assert!(recording.chart_of_memory(80, 8).lines().count() == 9);
        assert!(recording.chart_of_sizes(tuned.block_sizes(), 80).lines().count() == tuned.block_sizes().len());
    }
}

#[test]
fn times_and_blocks_of_any_number_can_be_worked_with() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..600).map(|n| SmBox::new_in(n, recorder.clone())).collect();
    drop(boxes);
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    // Behind 8 bytes and four numbers: one size, five notes of the time, and the events.
    for (at, word) in [(64 + 2 * 8, u64::MAX), (64 + 3 * 8, 7), (64 + 4 * 8, u64::MAX - 1), (64 + 5 * 8 + 8, u64::MAX)]
    {
        file[at..at + 8].copy_from_slice(&word.to_le_bytes());
        let recording = Recording::load(&file[..]).unwrap();
        work_with(&recording);
    }
    assert!(Recording::load(&file[..]).unwrap().lifetimes().in_micros.max() > u64::MAX / 2);
    // The rate: one block in two million.
    file[8] = 21;
    work_with(&Recording::load(&file[..]).unwrap());
}

#[test]
fn a_file_with_sizes_that_are_not_counted_so_is_refused() {
    let recorder = Recorder::new(Global);
    drop((SmBox::new_in([1_u8; 500], recorder.clone()), SmBox::new_in([1_u8; 90], recorder.clone())));
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    // Behind 8 bytes and four numbers, three numbers a size: the most bytes, and how often.
    let with = |sizes: [u64; 2]| {
        let mut file = file.clone();
        for (at, size) in [40, 64].into_iter().zip(sizes) {
            file[at..at + 8].copy_from_slice(&size.to_le_bytes());
        }
        Recording::load(&file[..])
    };
    assert_eq!(with([96, 512]).unwrap(), recorder.recording());
    for sizes in [[512, 96], [96, 96], [0, 512], [90, 512], [96, 500], [96, 65_552]] {
        assert_eq!(with(sizes).unwrap_err().kind(), std::io::ErrorKind::InvalidData, "{sizes:?}");
    }
    assert!(with([96, u64::MAX]).is_ok());
}

#[cfg(feature = "bytes")]
#[test]
fn what_goes_to_other_crates_is_held_under_a_recorder_as_without_one() {
    use bytes::Buf;
    fn same<H: HeapRef>(heap: H) -> bool {
        let mut bytes = smarena::SmBytes::copy_from_slice_in(&[7; 100], heap);
        let address = bytes.as_ptr();
        bytes.copy_to_bytes(50).as_ptr() == address
    }
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    assert!(same(Global) && same(Recorder::new(Global)));
    assert!(!same(&heap) && !same(Recorder::new(&heap)));
}

#[test]
#[should_panic = "a log has room for 1 << 30 events at most"]
fn a_log_that_no_memory_holds_is_refused_when_it_is_made() {
    let _log = Log::with_events((1 << 30) + 1);
}

#[test]
fn lives_of_any_length_are_told_as_they_are() {
    let recorder = Recorder::new(Global);
    let long = SmBox::new_in(1, recorder.clone());
    (0..5000).for_each(|n| drop(SmBox::new_in(n, recorder.clone())));
    drop(long);
    let lifetimes = recorder.recording().lifetimes();
    assert_eq!(lifetimes.in_events.value_at_quantile(0.5), 1);
    assert!((10_001..10_200).contains(&lifetimes.in_events.max()), "{}", lifetimes.in_events.max());
}

#[test]
fn how_many_live_at_once_is_told_for_all_and_for_each_thread() {
    let recorder = Recorder::new(Global);
    let take = |count: u64| (0..count).map(|n| SmBox::new_in(n, recorder.clone())).collect::<Vec<_>>();
    let mut kept = take(1000);
    kept.truncate(400);
    let own = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let own = take(300);
            drop(kept);
            drop(take(50));
            own
        });
        other.join().unwrap()
    });
    let concurrency = recorder.recording().concurrency();
    assert!((1000..1010).contains(&concurrency.live.max()), "{}", concurrency.live.max());
    let told: Vec<_> = concurrency.threads.iter().map(|of| [of.taken, of.peak, of.given_back, of.of_others]).collect();
    assert_eq!(told, [[1000, 1000, 600, 0], [350, 350, 450, 400]]);
    drop(own);
}

/// What is said of a program's recording, by the words that matter.
fn said(program: impl FnOnce(&Recorder<Global>)) -> Vec<String> {
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(4000)));
    program(&recorder);
    recorder.recording().advice()
}

#[test]
fn a_recording_says_what_is_worth_knowing_and_else_nothing() {
    let take = |recorder: &Recorder<Global>, size, align| {
        let layout = Layout::from_size_align(size, align).unwrap();
        (recorder.allocate(layout).unwrap(), layout)
    };
    // SAFETY: live, of this recorder's heap, with its layout; each goes back once.
    let give = |recorder: &Recorder<Global>, (block, layout)| unsafe { recorder.deallocate(block, layout) };
    assert_eq!(said(|_| {}), [""; 0]);
    let plain = |recorder: &Recorder<Global>| (0..1000).for_each(|_| give(recorder, take(recorder, 100, 16)));
    assert_eq!(said(plain), [""; 0]);
    // A peak of 2 MiB that is over soon.
    let quiet = said(|recorder| {
        let blocks: Vec<_> = (0..200).map(|_| take(recorder, 10_000, 8)).collect();
        blocks.into_iter().for_each(|block| give(recorder, block));
        plain(recorder);
    });
    assert!(
        matches!(&quiet[..], [one] if one.starts_with("At the most 1953 KiB are live, and at 8") && one.contains("`trim()`")),
        "{quiet:?}"
    );
    // One that is not: it only grows.
    let grows = said(|recorder| {
        let blocks: Vec<_> = (0..200).map(|_| take(recorder, 10_000, 8)).collect();
        assert_eq!(recorder.recording().advice(), [""; 0]);
        blocks.into_iter().for_each(|block| give(recorder, block));
    });
    assert!(matches!(&grows[..], [one] if one.contains("at 25 in 100")), "{grows:?}");
    let aligned =
        said(|recorder| [16, 32, 64, 64].into_iter().for_each(|align| give(recorder, take(recorder, 64, align))));
    assert!(
        matches!(&aligned[..], [one] if one.starts_with("3 blocks are to be aligned to more than 16 bytes, up to 64:")),
        "{aligned:?}"
    );
    let large = said(|recorder| give(recorder, take(recorder, 64 << 20, 16)));
    assert!(
        large.iter().any(|one| one.starts_with("1 blocks, of 65536 KiB in all, are larger than any block can be")),
        "{large:?}"
    );
    let sampled = said(|recorder| (0..4).for_each(|_| plain(recorder)));
    assert!(
        matches!(&sampled[..], [one] if one.starts_with("One block in 2 ") || one.contains("with_events(8000)")),
        "{sampled:?}"
    );
}
