//! Accounts, with the real binary: a link makes the first one, and from then on
//! whoever asks signs in.

use pacelake_e2e::{Home, Server};
use serde_json::Value;

/// The value of a header in a whole answer.
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut lines = answer.lines().take_while(|line| !line.is_empty());
    let value = lines.find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    });
    value.unwrap_or_default()
}

#[test]
fn a_link_makes_the_first_account_and_programs_come_by_tokens() {
    let home = Home::new(None);
    home.succeed(&["import", "data/recordings/fit/4801048867.fit"]);
    let mut server = Server::start(&home);
    assert_eq!(
        server.line(),
        "loopback only, without accounts; Ctrl-C ends it"
    );
    let said = server.line();
    let link = said.rsplit("/setup?link=").next().unwrap();
    assert_eq!(link.len(), 64, "{said}");
    assert_eq!(server.get("/api/activities", "").0, 200);

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = format!("link={link}&name=kari&password=a+long+way+up");
    let made = server.send("POST", "/api/setup", form, &body);
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    let cookie = header(&made, "set-cookie").split(';').next().unwrap();
    assert_eq!(server.get("/api/activities", "").0, 401);
    assert_eq!(server.get("/api/health", "").0, 200);
    let signed_in = format!("Cookie: {cookie}\r\n");
    assert_eq!(server.get("/api/activities", &signed_in).0, 200);
    let again = server.send("POST", "/api/setup", form, &body);
    assert!(again.starts_with("HTTP/1.1 404"), "{again}");

    let create = [
        "token",
        "create",
        "--account",
        "Kari",
        "--name",
        "x",
        "--scopes",
    ];
    let token = home.succeed(&[&create[..], &["read"]].concat());
    let token = token.stdout.trim();
    assert!(token.starts_with("pl_"));
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let (status, activities) = server.get("/api/activities", &bearer);
    let activities: Value = serde_json::from_str(&activities).unwrap();
    assert_eq!(
        (status, activities["items"].as_array().unwrap().len()),
        (200, 1)
    );
    assert_eq!(server.get("/api/export/splits", &bearer).0, 403);
    let listed = home.succeed(&["token", "list", "--format", "json"]).stdout;
    assert!(
        !listed.contains(token.trim_start_matches("pl_")),
        "{listed}"
    );
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["token_id"].as_str().unwrap();
    home.succeed(&["token", "revoke", id]);
    assert_eq!(server.get("/api/activities", &bearer).0, 401);

    // The only admin stays; another one is invited by a link.
    let last = home.run(&["account", "disable", "kari"]);
    assert!(
        last.stderr.starts_with("error[conflict]"),
        "{}",
        last.stderr
    );
    let invited = home.succeed(&["account", "add", "--role", "analyst", "--athlete", "1"]);
    let (_, secret) = invited.stdout.trim().split_once("/setup?link=").unwrap();
    let body = format!("link={secret}&name=ola&password=a+long+way+up");
    let made = server.send("POST", "/api/setup", form, &body);
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    home.succeed(&["account", "disable", "OLA"]);
    let cookie = header(&made, "set-cookie").split(';').next().unwrap();
    let disabled = format!("Cookie: {cookie}\r\n");
    assert_eq!(server.get("/api/activities", &disabled).0, 401);
    let accounts = home.succeed(&["account", "list", "--format", "csv"]).stdout;
    assert_eq!(accounts.lines().count(), 3, "{accounts}");
    assert!(!server.log().contains(link) && !server.log().contains(secret));
    assert_eq!(server.interrupt(), Some(0));

    // With accounts it may listen everywhere, and prints no link.
    let mut server = Server::listening(&home, "0.0.0.0:0");
    assert_eq!(server.line(), "Ctrl-C ends it");
    assert_eq!(server.interrupt(), Some(0));
}

#[test]
fn what_means_nothing_is_refused() {
    let home = Home::new(None).with("PACELAKE_PUBLIC_URL", "lake.example.org");
    let answer = home.run(&["serve"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("public address"),
        "{}",
        answer.stderr
    );
    for arguments in [
        &["account", "link", "nobody"][..],
        &["token", "create", "--account", "nobody", "--name", "x"],
    ] {
        let home = Home::new(None);
        let answer = home.run(arguments);
        assert!(
            answer.stderr.starts_with("error[not_found]"),
            "{}",
            answer.stderr
        );
    }
}
