//! The real binary as a server, and requests to it over bare sockets.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Home;

/// A server on a port of its own.
const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A running server, and where it listens. It is killed when dropped.
pub struct Server {
    child: Child,
    address: String,
    log: PathBuf,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `pacelake serve` in this home.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(home: &Home) -> Self {
        Self::with(home, &[])
    }

    /// The same with settings of the environment.
    ///
    /// # Panics
    /// If it does not start.
    pub fn with(home: &Home, settings: &[(&str, &str)]) -> Self {
        let mut command = home.command(&SERVE);
        command.envs(settings.iter().copied());
        Self::run(home, command)
    }

    /// The same with further flags.
    ///
    /// # Panics
    /// If it does not start.
    pub fn with_flags(home: &Home, flags: &[&str]) -> Self {
        let mut command = home.command(&SERVE);
        command.args(flags);
        Self::run(home, command)
    }

    /// The same on another address.
    ///
    /// # Panics
    /// If it does not start.
    pub fn listening(home: &Home, address: &str) -> Self {
        Self::run(home, home.command(&["serve", "--listen", address]))
    }

    fn run(home: &Home, mut command: Command) -> Self {
        let log = home.data_dir().join("serve.log");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the log can be made"))
            .spawn()
            .expect("the binary can be started");
        let stdout = child.stdout.take().expect("it was piped");
        let mut stdout = BufReader::new(stdout);
        let mut first = String::new();
        stdout.read_line(&mut first).expect("the line is text");
        let address = first.trim_end().rsplit("http://").next();
        Self {
            address: address.unwrap_or_default().to_owned(),
            child,
            log,
            stdout,
        }
    }

    /// The next line that it says.
    ///
    /// # Panics
    /// If it is no text.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the line is text");
        line.trim_end().to_owned()
    }

    /// The whole answer to a request with these further header lines, as it
    /// came.
    ///
    /// # Panics
    /// If there is none.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is text");
        answer
    }

    /// A connection to it.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("the server listens")
    }

    /// Sends the head of a GET, with these further header lines.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn ask(&self, path: &str, headers: &str) -> TcpStream {
        let mut stream = self.connect();
        let host = match headers.starts_with("Host:") {
            true => String::new(),
            false => format!("Host: {}\r\n", self.address),
        };
        // In one piece: who is turned away is answered after the first.
        let head = format!("GET {path} HTTP/1.1\r\n{host}{headers}\r\n");
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream
    }

    /// Status and body of a GET, with these further header lines.
    ///
    /// # Panics
    /// If there is no whole answer.
    pub fn get(&self, path: &str, headers: &str) -> (u16, String) {
        answer(self.ask(path, &format!("{headers}Connection: close\r\n")))
    }

    /// Status and body of the answer to a statement.
    ///
    /// # Panics
    /// If there is no whole answer.
    pub fn sql(&self, query: &str) -> (u16, String) {
        let body = format!("{{\"query\":{query:?}}}");
        let mut stream = self.connect();
        write!(
            stream,
            "POST /api/sql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("it is sent");
        answer(stream)
    }

    /// What it wrote to its log so far.
    ///
    /// # Panics
    /// If the log is gone.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is there")
    }

    /// How much memory it holds now, in bytes.
    ///
    /// # Panics
    /// If it ended.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        kilobytes.expect("the kernel tells it") << 10
    }

    /// How much processor time it has used, in the kernel's ticks.
    ///
    /// # Panics
    /// If it ended.
    pub fn ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it runs");
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |nth: usize| fields[nth].parse::<u64>().expect("it is a number");
        ticks(11) + ticks(12)
    }

    /// Asks it to end as Ctrl-C does, and gives its exit code.
    ///
    /// # Panics
    /// If it cannot be told.
    pub fn interrupt(self) -> Option<i32> {
        self.end("-INT")
    }

    /// The same as systemd and containers do.
    ///
    /// # Panics
    /// If it cannot be told.
    pub fn terminate(self) -> Option<i32> {
        self.end("-TERM")
    }

    fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status();
        assert!(told.expect("kill runs").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of an answer, read to the end of the connection.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it is read");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    let head = String::from_utf8_lossy(head).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    let body = match head.contains("transfer-encoding: chunked") {
        true => unchunked(&answer).0,
        false => body.to_vec(),
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    (status.unwrap_or(0), body)
}

/// The payload of a chunked answer with its head, and whether its last chunk is
/// there.
///
/// # Panics
/// If it has no head, or a chunk does not say how long it is.
pub fn unchunked(answer: &[u8]) -> (Vec<u8>, bool) {
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an answer has a head");
    let mut rest = &answer[head + 4..];
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = usize::from_str_radix(&size, 16).expect("a chunk says how long it is");
        if size == 0 {
            return (whole, true);
        }
        let chunk = &rest[end + 2..];
        whole.extend_from_slice(&chunk[..size.min(chunk.len())]);
        let Some(next) = chunk.get(size + 2..) else {
            break;
        };
        rest = next;
    }
    (whole, false)
}
