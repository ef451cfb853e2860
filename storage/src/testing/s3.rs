//! A private S3 server: SeaweedFS, which `.venv` holds.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::certificates::Certificates;
use super::keeper::{free_ports, keep};
use super::root;
use crate::objects::{Credentials, Objects, S3Options, Secret, Store};

/// The only keys that the server knows.
const ACCESS_KEY_ID: &str = "pacelake-tests";
const SECRET_ACCESS_KEY: &str = "a-secret-of-the-tests";
/// How long the server may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the disk must have free. By default it is a hundredth of the disk, which
/// on a large one is more than all tests write.
const MIN_FREE_SPACE: &str = "64MiB";
/// How often other ports are tried where one is taken meanwhile.
const START_TRIES: usize = 5;

/// Starts the server ($1) on a folder ($2). Its parts meet on ports of their
/// own; nothing but loopback is listened on, and nothing is reported home.
const START: &str = r#"
cd "$2"
export TMPDIR="$2" HOME="$2" WEED_MASTER_VOLUME_GROWTH_COPY_1=1
"$1" -logtostderr=true server -options="$2/options" > "$2/log" 2>&1 < /dev/null &
"#;

/// A running S3 server. It ends with this process, however that ends.
#[derive(Debug)]
pub struct S3Server {
    /// Where requests go, such as `http://127.0.0.1:20001`.
    pub endpoint: String,
    filer: u16,
    folder: PathBuf,
    _alive: Child,
}

/// This process's S3 server, which the first call starts.
///
/// # Panics
/// Where SeaweedFS is not installed or does not start.
pub fn s3_server() -> &'static S3Server {
    static SERVER: OnceLock<S3Server> = OnceLock::new();
    SERVER.get_or_init(|| S3Server::start(None))
}

impl S3Server {
    /// Starts a server; with certificates it speaks HTTPS.
    ///
    /// # Panics
    /// Where SeaweedFS is not installed or does not start.
    pub fn start(tls: Option<&Certificates>) -> Self {
        let binary = root().join(".venv/bin/weed");
        assert!(
            binary.exists(),
            "SeaweedFS is needed for this test: `make test` installs {}",
            binary.display()
        );
        let mut log = String::new();
        for _ in 0..START_TRIES {
            match Self::try_start(&binary, tls) {
                Ok(server) => return server,
                Err(said) => log = said,
            }
        }
        panic!("SeaweedFS did not start: {log}");
    }

    fn try_start(binary: &Path, tls: Option<&Certificates>) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("pacelake-s3-")
            .tempdir()
            .expect("a temporary folder can be made")
            .keep();
        fs::create_dir(folder.join("data")).expect("our own folder takes a folder");
        let ports = free_ports::<9>();
        fs::write(folder.join("options"), options(&folder, ports, tls))
            .expect("our own folder takes a file");
        fs::write(folder.join("keys.json"), keys()).expect("our own folder takes a file");
        let arguments = [binary.canonicalize().expect("it is there"), folder.clone()];
        let mut keeper = keep(&mut Command::new("/bin/sh"), START, "KILL", &arguments);
        let [.., filer, _, s3, _, https] = ports;
        let endpoint = match tls {
            None => format!("http://127.0.0.1:{s3}"),
            Some(_) => format!("https://localhost:{https}"),
        };
        let begun = Instant::now();
        // It is ready when it keeps a file and its S3 side listens.
        while !(made(filer, "PUT", "/ready", "ready")
            && answers(if tls.is_some() { https } else { s3 }))
        {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            let failed = ["address already in use", "Fatal", "< required"]
                .iter()
                .any(|sign| log.contains(sign));
            if failed || begun.elapsed() > START_LIMIT {
                drop(keeper.stdin.take());
                let _ = keeper.wait();
                return Err(log);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self {
            endpoint,
            filer,
            folder,
            _alive: keeper,
        })
    }

    /// A new, empty bucket and a prefix in it.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn bucket(&self) -> S3Options {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        let folder = format!("/buckets/{name}/");
        assert!(
            made(self.filer, "POST", &folder, ""),
            "SeaweedFS makes a bucket: {}",
            self.log()
        );
        let mut options = S3Options::at(&format!("s3://{name}/some/prefix")).expect("it is a URL");
        options.endpoint = Some(self.endpoint.clone());
        options.allow_http = true;
        options.credentials = Some(Credentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: Secret::new(SECRET_ACCESS_KEY),
            session_token: None,
        });
        options
    }

    /// What the server said so far, for a test that fails.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// Copies every object of an installation in a bucket into a folder, for a
/// test that keeps what it found.
///
/// # Errors
/// Where the store does not serve, or the folder takes no file.
pub async fn copy_objects(
    options: &S3Options,
    folder: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let objects = Objects::open(&Store::S3(options.clone()), folder).await?;
    for (name, store) in [("lake", objects.lake), ("raw", objects.raw)] {
        let listed: Vec<_> = store.list(None).try_collect().await?;
        for object in listed {
            let bytes = store.get(&object.location).await?.bytes().await?;
            let to = folder.join(name).join(object.location.as_ref());
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            fs::write(to, bytes)?;
        }
    }
    Ok(())
}

/// The server's options, one a line.
fn options(folder: &Path, ports: [u16; 9], tls: Option<&Certificates>) -> String {
    let [
        master,
        master_rpc,
        volume,
        volume_rpc,
        filer,
        filer_rpc,
        s3,
        s3_rpc,
        https,
    ] = ports;
    let folder = folder.display();
    let mut text = format!(
        "dir={folder}/data\nip=127.0.0.1\nip.bind=127.0.0.1\n\
         master.port={master}\nmaster.port.grpc={master_rpc}\nmaster.telemetry=false\n\
         master.volumeSizeLimitMB=64\nvolume.max=0\nvolume.preStopSeconds=0\n\
         volume.minFreeSpace={MIN_FREE_SPACE}\n\
         volume.port={volume}\nvolume.port.grpc={volume_rpc}\n\
         filer=true\nfiler.port={filer}\nfiler.port.grpc={filer_rpc}\n\
         filer.localSocket={folder}/filer.sock\n\
         s3=true\ns3.port={s3}\ns3.port.grpc={s3_rpc}\ns3.localSocket={folder}/s3.sock\n\
         s3.port.iceberg=0\ns3.port.lance=0\ns3.iam=false\ns3.autoCreateBucket=false\n\
         s3.config={folder}/keys.json\n"
    );
    if let Some(tls) = tls {
        let (certificate, key) = (tls.certificate.display(), tls.key.display());
        write!(
            text,
            "s3.port.https={https}\ns3.cert.file={certificate}\ns3.key.file={key}\n"
        )
        .expect("a String takes all that is written");
    }
    text
}

fn keys() -> String {
    serde_json::json!({"identities": [{
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]})
    .to_string()
}

/// How DuckDB reaches the bucket, as JSON.
pub(super) fn for_duckdb(options: &S3Options) -> String {
    let endpoint = options.endpoint.as_deref().unwrap_or_default();
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let credentials = options.credentials.as_ref();
    let credentials = credentials.expect("a bucket of the tests has keys");
    serde_json::json!({
        "endpoint": host,
        "use_ssl": scheme == "https",
        "region": options.region,
        "key_id": credentials.access_key_id,
        "secret": credentials.secret_access_key.reveal(),
    })
    .to_string()
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether the server's own door, which is open on loopback, makes a folder
/// (POST) or a file (PUT).
fn made(port: u16, method: &str, path: &str, body: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("201"))
}
