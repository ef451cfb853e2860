//! The server and a worker from outside: what they log, count and say of
//! themselves.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pacelake_e2e::{Home, Server};
use serde_json::Value;
use storage::metric::{HTTP_SECONDS, JOB_SECONDS, JOBS_FINISHED, QUEUE_JOBS, WORKERS};

const PATIENCE: Duration = Duration::from_secs(60);
const LOG: [(&str, &str); 2] = [("PACELAKE_LOG", "info"), ("PACELAKE_LOG_FORMAT", "json")];

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn json(server: &Server, path: &str) -> Value {
    let (status, body) = server.get(path, "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// The value of a line of `/metrics`, 0 where it is not there.
fn number(text: &str, line: &str) -> f64 {
    let value = text.lines().find_map(|one| one.strip_prefix(line));
    value.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// What lines of the log say that carry this id.
fn told(log: &str, request_id: &str) -> Vec<String> {
    let mut told = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        if spans.iter().any(|span| span["request_id"] == request_id) {
            told.push(line["message"].as_str().unwrap_or_default().to_owned());
        }
    }
    told
}

#[test]
fn one_id_leads_from_the_request_through_the_job_to_the_commit() {
    let home = Home::new(None);
    let file = "data/recordings/fit/2023-09-05_walk_nieuwvliet.fit";
    home.succeed(&["import", file]);
    let server = Server::with(&home, &LOG);
    let headers = "Content-Type: application/json\r\nX-Request-Id: seen-from-outside\r\n";
    let answer = server.send("POST", "/api/admin/resync", headers, "{}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 202"), "{answer}");
    let job: Value = serde_json::from_str(body).unwrap();
    assert_eq!(job["request_id"], "seen-from-outside");
    let path = format!("/api/jobs/{}", job["job_id"]);
    until("the job", || json(&server, &path)["state"] == "done");

    let told = told(&server.log(), "seen-from-outside");
    for what in ["request", "committed", "a job is over"] {
        assert!(told.iter().any(|one| one == what), "{what}: {told:?}");
    }

    let (status, metrics) = server.get("/metrics", "");
    assert_eq!(status, 200);
    let route = format!(
        "{}_count{{method=\"POST\",route=\"/api/admin/resync\",status=\"202\"}}",
        HTTP_SECONDS.name
    );
    assert_eq!(number(&metrics, &route), 1.0, "{metrics}");
    let done = format!("{}{{kind=\"resync\",outcome=\"done\"}}", JOBS_FINISHED.name);
    assert_eq!(number(&metrics, &done), 1.0, "{metrics}");
    let took = format!("{}_count{{kind=\"resync\"}}", JOB_SECONDS.name);
    assert_eq!(number(&metrics, &took), 1.0, "{metrics}");
    let kept = format!("{}{{kind=\"resync\",state=\"done\"}}", QUEUE_JOBS.name);
    assert_eq!(number(&metrics, &kept), 1.0, "{metrics}");
    assert_eq!(number(&metrics, WORKERS.name), 1.0, "{metrics}");
    // Each is described, as the declaration has it.
    let help = format!("# HELP {} {}", WORKERS.name, WORKERS.what);
    assert!(metrics.contains(&help), "{metrics}");
    assert_eq!(server.interrupt(), Some(0));
}

/// `pacelake worker`, and where it tells how it is.
struct Worker {
    child: Child,
    address: String,
}

impl Worker {
    fn start(home: &Home) -> Self {
        let log = home.data_dir().join("worker.log");
        let mut child = home
            .command(&["worker", "--listen", "127.0.0.1:0"])
            .envs(LOG)
            .stdout(Stdio::piped())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).unwrap();
        let address = address.split('/').next().unwrap().to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_worker_apart_does_the_work_and_tells_how_it_is() {
    let home = Home::new(None);
    let server = Server::with(&home, &[("PACELAKE_WORKERS", "0")]);
    let workers = || json(&server, "/api/health")["parts"]["workers"].clone();
    assert_eq!(workers()["status"], "off");
    let headers = "Content-Type: application/json\r\n";
    let answer = server.send("POST", "/api/admin/thumbnails", headers, "{}");
    let job: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let path = format!("/api/jobs/{}", job["job_id"]);
    assert_eq!(json(&server, &path)["state"], "waiting");

    let mut worker = Worker::start(&home);
    until("the job", || json(&server, &path)["state"] == "done");
    until("the worker", || workers()["status"] == "ok");
    assert!(worker.get("/api/ready").starts_with("HTTP/1.1 200"));
    let metrics = worker.get("/metrics");
    assert!(
        metrics.contains("pacelake_jobs_finished_total{kind=\"queue_thumbnails\""),
        "{metrics}"
    );
    assert!(
        worker.get("/api/activities").starts_with("HTTP/1.1 404"),
        "it serves no athlete"
    );

    // One that ends in order is missed at once.
    let id = worker.child.id().to_string();
    let told = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(told.unwrap().success());
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
    assert_eq!(workers()["status"], "off");
}

#[test]
fn a_worker_tells_nobody_else_how_it_is_without_accounts() {
    let home = Home::new(None);
    let answer = home.run(&["worker", "--listen", "0.0.0.0:0"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("can be reached from other machines"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_server_without_its_store_lives_and_is_not_ready() {
    let home = Home::new(None);
    home.succeed(&["import", "data/recordings/fit/4801048867.fit"]);
    let server = Server::start(&home);
    let ready = json(&server, "/api/ready");
    assert_eq!(ready["parts"]["ingest"]["status"], "ok", "{ready}");
    let (raw, away) = (home.data_dir().join("raw"), home.data_dir().join("away"));
    std::fs::rename(&raw, &away).unwrap();
    let (status, problem) = server.get("/api/ready", "");
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (503, &"not_ready".into()),
        "{problem}"
    );
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.contains("ingest: ") && !message.contains("catalog: "),
        "{message}"
    );
    let health = json(&server, "/api/health");
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(health["parts"]["catalog"]["status"], "ok", "{health}");
    std::fs::rename(&away, &raw).unwrap();
    assert_eq!(json(&server, "/api/ready")["status"], "ok");
}
