//! `pacelake serve` from outside: it answers on loopback only, and ends
//! cleanly when asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use pacelake_e2e::Home;
use serde_json::Value;

/// A running server, and where it listens.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(home: &Home) -> Self {
        let mut child = home
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.rsplit("http://").next().unwrap().to_owned();
        Self { child, address }
    }

    /// Status and body of a GET, with these further header lines.
    fn get(&self, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = if headers.starts_with("Host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.address)
        };
        write!(
            stream,
            "GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    /// Asks it to end as Ctrl-C does, and gives its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

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
fn it_listens_nowhere_else() {
    let home = Home::new(None);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let answer = home.run(&["serve", "--listen", address]);
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains("loopback"), "{}", answer.stderr);
    }
}
