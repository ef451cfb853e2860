//! `pacelake serve` from outside: it answers on loopback only, and ends
//! cleanly when asked.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use pacelake_e2e::{Home, Server};
use serde_json::Value;

/// How long a server may take to end that has nothing to do.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn it_answers_on_loopback_and_ends_when_asked() {
    let home = Home::new(None);
    let answer = home.run(&[
        "import",
        "data/recordings/fit/2023-09-05_walk_nieuwvliet.fit",
    ]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let server = Server::start(&home);

    let (status, health) = server.get("/api/health", "");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["status"]), (200, &"ok".into()), "{health}");
    let (status, activities) = server.get("/api/activities", "");
    let activities: Value = serde_json::from_str(&activities).unwrap();
    assert_eq!(status, 200);
    assert_eq!(activities["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/", "").0, 200);
    // A page of another site, or a name that was bent to this address.
    for headers in ["Host: example.org\r\n", "Origin: http://example.org\r\n"] {
        let (status, problem) = server.get("/api/activities", headers);
        let problem: Value = serde_json::from_str(&problem).unwrap();
        assert_eq!(
            (status, &problem["code"]),
            (403, &"forbidden_origin".into()),
            "{headers}"
        );
    }

    // An import meanwhile is seen by the next request.
    let second = home.run(&["import", "data/recordings/fit/4801048867.fit"]);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let (_, activities) = server.get("/api/activities", "");
    let activities: Value = serde_json::from_str(&activities).unwrap();
    assert_eq!(activities["items"].as_array().unwrap().len(), 2);

    assert_eq!(server.interrupt(), Some(0));
}

#[test]
fn an_open_stream_of_events_does_not_keep_it() {
    let home = Home::new(None);
    // Nobody works, so that the job waits.
    let server = Server::with(&home, &[("PACELAKE_WORKERS", "0")]);
    let headers = "Content-Type: application/json\r\n";
    let answer = server.send("POST", "/api/admin/thumbnails", headers, "{}");
    let (_, job) = answer.split_once("\r\n\r\n").unwrap();
    let job: Value = serde_json::from_str(job).unwrap();
    let mut stream = BufReader::new(server.ask(job["events"].as_str().unwrap(), ""));
    let mut told = String::new();
    while !told.contains("event: waiting") {
        assert_ne!(stream.read_line(&mut told).unwrap(), 0, "{told}");
    }

    let begun = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
    stream.read_to_string(&mut told).unwrap();
    assert!(told.ends_with("\r\n0\r\n\r\n"), "cut off: {told}");
}

#[test]
fn what_it_lacks_for_strava_is_told_first() {
    let home = Home::new(None).with("PACELAKE_STRAVA_CLIENT_ID", "12345");
    let answer = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let told = answer.stderr.contains("PACELAKE_STRAVA_RETENTION");
    assert!(told, "{}", answer.stderr);
    assert_eq!(answer.stdout, "", "nobody is welcomed");
}

#[test]
fn it_listens_nowhere_else() {
    let home = Home::new(None);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let answer = home.run(&["serve", "--listen", address]);
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains("loopback"), "{}", answer.stderr);
    }
}
