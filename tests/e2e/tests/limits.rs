//! A server under force, from outside: what it refuses, and that it is well
//! afterwards.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pacelake_e2e::{Home, Server, unchunked};
use serde_json::Value;

/// How much memory a server of the tests may take beyond its first needs. Far
/// more than it should, and far less than what it is asked for.
const ROOM: u64 = 400 << 20;

/// A home with some activities.
fn home_with(path: &str) -> Home {
    let home = Home::new(None);
    let answer = home.run(&["import", path]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    home
}

fn small_home() -> Home {
    home_with("data/recordings/fit/2023-09-05_walk_nieuwvliet.fit")
}

fn is_well(server: &Server) {
    for path in ["/api/health", "/api/activities", "/api/stats"] {
        let (status, body) = server.get(path, "");
        assert_eq!(status, 200, "{path}: {body}");
    }
}

/// Waits until the server does nothing any more.
fn wait_for_quiet(server: &Server) {
    let begun = Instant::now();
    loop {
        let before = server.ticks();
        thread::sleep(Duration::from_millis(500));
        if server.ticks() - before <= 5 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it goes on");
    }
}

/// Statements that want all there is, or more.
fn storm() -> Vec<String> {
    let series = "generate_series(1, 100000000000)";
    let sum = |terms: usize| vec!["1"; terms].join("+");
    vec![
        format!("SELECT count(*) FROM {series} a CROSS JOIN {series} b"),
        format!("SELECT * FROM {series} ORDER BY value DESC"),
        format!("SELECT value, count(*) FROM {series} GROUP BY value"),
        format!("SELECT sum(value) OVER () FROM {series}"),
        format!("SELECT array_agg(value) FROM {series}"),
        format!("SELECT a.value FROM {series} a JOIN {series} b ON a.value = b.value + 1"),
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            .to_owned(),
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT a.i FROM n a, n b) SELECT count(*) FROM n"
            .to_owned(),
        "SELECT repeat('x', 2000000000)".to_owned(),
        "SELECT array_length(range(0, 2000000000))".to_owned(),
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT {}", sum(25_000)),
        format!("SELECT {}1", "-".to_owned() + &"- ".repeat(20_000)),
        format!("SELECT 1 IN ({})", vec!["1"; 25_000].join(",")),
        format!("SELECT 1 WHERE {}", vec!["1=1"; 10_000].join(" AND ")),
        vec!["SELECT 1"; 5_000].join(" UNION ALL "),
        format!("SELECT count(*) FROM {}", vec!["activities"; 40].join(" CROSS JOIN ")),
        format!("{}SELECT 1{}", "SELECT * FROM (".repeat(2_000), ")".repeat(2_000)),
        "SELECT regexp_replace(repeat('a', 1000000), '(a|aa)+$', 'b')".to_owned(),
        format!("SELECT * FROM samples a CROSS JOIN {series} b"),
    ]
}

#[test]
fn a_storm_of_heavy_statements_leaves_it_well() {
    let home = small_home();
    let settings = [
        ("PACELAKE_QUERY_TIME_S", "2"),
        ("PACELAKE_QUERY_MEMORY_MB", "32"),
        ("PACELAKE_QUERY_SPILL_MB", "64"),
        ("PACELAKE_QUERY_ROWS", "1000"),
        ("PACELAKE_MEMORY_MB", "1024"),
    ];
    let server = Server::with(&home, &settings);
    is_well(&server);
    let before = server.memory();
    let storm = storm();
    thread::scope(|scope| {
        for part in storm.chunks(5) {
            let server = &server;
            scope.spawn(move || {
                for query in part {
                    let (status, body) = server.sql(query);
                    let code = serde_json::from_str::<Value>(&body).unwrap_or_default()["code"]
                        .as_str()
                        .map(str::to_owned);
                    let told = matches!(
                        (status, code.as_deref()),
                        (200, None)
                            | (400, Some("invalid_query"))
                            | (413, Some("input_too_large"))
                            | (422, Some("query_limit"))
                            | (503, Some("too_busy"))
                    );
                    let begins = &query[..query.len().min(60)];
                    assert!(told, "{begins}: {status} {:.300}", body);
                }
            });
        }
        // Reads go on meanwhile.
        for _ in 0..20 {
            is_well(&server);
        }
    });
    wait_for_quiet(&server);
    is_well(&server);
    let (status, rows) = server.sql("SELECT count(*) AS n FROM activities");
    assert!(status == 200 && rows.contains("[{\"n\":1}]"), "{rows}");
    // A thread gives back what it has freed when it does something again.
    let settles = (0..100).any(|_| {
        assert_eq!(server.sql("SELECT count(*) FROM samples").0, 200);
        thread::sleep(Duration::from_millis(100));
        server.memory() < before + ROOM
    });
    let after = server.memory();
    assert!(settles, "from {before} to {after} bytes");
    let log = server.log();
    assert!(
        !log.contains("panicked") && !log.contains("overflow"),
        "{log}"
    );
    assert_eq!(server.interrupt(), Some(0));
}

/// Reads until this many bytes are there.
fn read_some(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    stream.read_exact(&mut read).unwrap();
    read
}

const SAMPLES: &str = "/api/export/samples?format=csv";

#[test]
fn a_large_table_goes_out_in_little_memory_as_fast_as_it_is_read() {
    let home = home_with("data/log");
    let settings = [
        ("PACELAKE_QUERY_MEMORY_MB", "64"),
        ("PACELAKE_EXPORTS_AT_ONCE", "1"),
    ];
    let server = Server::with(&home, &settings);
    is_well(&server);
    let before = server.memory();
    let mut slow = server.ask(SAMPLES, "Connection: close\r\n");
    let mut answer = read_some(&mut slow, 1 << 20);
    // Whoever reads nothing is waited for, and nothing is made for them.
    wait_for_quiet(&server);
    let waiting = server.memory();
    // Beside it, no other export has a turn, and reads go on.
    let (status, busy) = server.get("/api/export/laps", "");
    assert_eq!(status, 503, "{busy}");
    is_well(&server);
    let mut most = waiting;
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = slow.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..read]);
        most = most.max(server.memory());
        if read == 0 {
            break;
        }
    }
    let (csv, is_whole) = unchunked(&answer);
    assert!(is_whole);
    let lines = csv.iter().filter(|byte| **byte == b'\n').count();
    let counted = home.run(&[
        "sql",
        "SELECT count(*) AS n FROM samples",
        "--format",
        "json",
    ]);
    assert_eq!(counted.stdout.trim(), format!("[{{\"n\":{}}}]", lines - 1));
    assert!(
        waiting < before + ROOM / 2,
        "from {before} to {waiting} bytes"
    );
    assert!(most < before + ROOM / 2, "from {before} to {most} bytes");
}

#[test]
fn who_hangs_up_gives_the_turn_back_and_who_stalls_is_cut_off() {
    let home = home_with("data/log");
    let settings = [
        ("PACELAKE_EXPORTS_AT_ONCE", "1"),
        ("PACELAKE_WAIT_S", "60"),
        ("PACELAKE_STALL_TIME_S", "1"),
    ];
    let server = Server::with(&home, &settings);
    let mut gone = server.ask(SAMPLES, "");
    read_some(&mut gone, 1_000);
    drop(gone);
    let (status, laps) = server.get("/api/export/laps", "");
    assert_eq!(status, 200, "{laps}");
    // Nothing is read until the server has cut it off: then the turn is free.
    let mut stalled = server.ask(SAMPLES, "");
    read_some(&mut stalled, 1_000);
    let (status, laps) = server.get("/api/export/laps", "");
    assert_eq!(status, 200, "{laps}");
    let mut rest = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    // What lay in the buffers may end by a reset.
    let _ = stalled.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}

#[test]
fn slow_and_long_heads_are_refused() {
    let home = small_home();
    let server = Server::with(&home, &[("PACELAKE_HEAD_TIME_S", "1")]);
    // A head that never ends, and a connection that never begins.
    let mut slow = server.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    let mut idle = server.connect();
    let mut said = Vec::new();
    slow.read_to_end(&mut said).unwrap();
    idle.read_to_end(&mut said).unwrap();

    // It is cut off while it is still being sent, so that sending may fail and
    // the answer may be lost.
    let mut long = server.connect();
    let _ = write!(long, "GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(1 << 20));
    let mut said = Vec::new();
    let _ = long.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    let many = (0..200)
        .map(|n| format!("X-{n}: 1\r\n"))
        .collect::<String>();
    assert_eq!(server.get("/api/health", &many).0, 431);
    let (status, body) = server.get(&format!("/?{}", "x".repeat(10_000)), "");
    assert_eq!(status, 413, "{body}");
}

#[test]
fn more_connections_than_may_be_are_told_so() {
    let home = small_home();
    let server = Server::with(&home, &[("PACELAKE_MAX_CONNECTIONS", "3")]);
    let held: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = server.ask("/api/health", "");
            // Answered: it holds a place, until it has been idle for long.
            read_some(&mut stream, 12);
            stream
        })
        .collect();
    let (status, body) = server.get("/api/health", "");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &problem["code"]), (503, &"too_busy".into()));
    drop(held);
    let begun = Instant::now();
    while server.get("/api/health", "").0 != 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "places stay taken"
        );
    }
    assert_eq!(server.interrupt(), Some(0));
}
