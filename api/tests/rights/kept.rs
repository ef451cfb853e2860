//! An answer that was kept, or that a client has, is nobody else's.

use crate::world::World;

#[tokio::test]
async fn a_kept_answer_reaches_nobody_else() {
    let world = World::new().await;
    let asking = [
        ("athlete", world.page_of(&world.athlete).await),
        ("other", world.page_of(&world.other).await),
        ("analyst", world.page_of(&world.analyst).await),
        ("operator", world.page_of(&world.operator).await),
        ("nobody", Vec::new()),
    ];
    for path in [
        "/",
        "/api/activities",
        "/api/runs",
        "/api/stats",
        "/api/stats?at=3",
    ] {
        let mine = world.get(path, &asking[0].1).await;
        assert_eq!(mine.status, 200, "{path}: {}", mine.text());
        let tag = mine.header("etag").to_owned();
        assert!(!tag.is_empty(), "{path}");
        assert!(
            mine.text().contains("2000") || mine.text().contains("2.0 km"),
            "{path}"
        );
        // Twice, so that whatever was kept meanwhile is asked for as well.
        for _ in 0..2 {
            for (name, headers) in &asking {
                let answered = world.get(path, headers).await;
                let mut knowing = headers.clone();
                knowing.push(("if-none-match".to_owned(), tag.clone()));
                let known = world.get(path, &knowing).await;
                match *name {
                    "athlete" | "analyst" => {
                        assert_eq!(answered.bytes, mine.bytes, "{path} of {name}");
                        assert_eq!(answered.header("etag"), tag, "{path} of {name}");
                        assert_eq!(known.status, 304, "{path} of {name}");
                    }
                    "other" => {
                        assert_eq!(answered.status, 200, "{path}");
                        assert_ne!(answered.bytes, mine.bytes, "{path}");
                        assert_ne!(answered.header("etag"), tag, "{path}");
                        assert_eq!(
                            (known.status, known.bytes),
                            (answered.status, answered.bytes)
                        );
                    }
                    refused => {
                        let status = if refused == "nobody" { 401 } else { 403 };
                        assert_eq!(answered.status, status, "{path} of {name}");
                        // Nor is it told whether the tag is right.
                        assert_eq!(known.status, status, "{path} of {name}");
                        assert_eq!(answered.header("etag"), "");
                    }
                }
            }
        }
        assert!(mine.header("cache-control").contains("private"), "{path}");
    }
}
