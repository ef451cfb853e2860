//! Who signs in, with what, and for how long.

use futures::future::join_all;

use super::{ONE, open, open_with_athletes};
use crate::catalog::accounts::DAY_US;
use crate::catalog::{
    Account, AccountAction, AccountTrouble, Catalog, LinkWish, NewToken, PurgeOrder, Role, Scope,
    Scopes, SecretHash, purge_steps,
};
use crate::error::Error;
use crate::id::{AccountId, AthleteId};
use crate::objects::Secret;
use crate::testing::Place;

/// When these tests take place.
const NOW: i64 = 1_800_000_000_000_000;
const HOUR: i64 = DAY_US / 24;
const PASSWORD: &str = "$argon2id$of-a-password";

fn trouble<T: std::fmt::Debug>(result: Result<T, Error>) -> AccountTrouble {
    match result.unwrap_err() {
        Error::Account(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

async fn link(catalog: &Catalog, wish: LinkWish) -> SecretHash {
    let (secret, _) = catalog.make_link(wish, None, NOW).await.unwrap();
    SecretHash::of(secret.reveal())
}

async fn follow(catalog: &Catalog, hash: &SecretHash, name: &str) -> Result<Account, Error> {
    let password = Secret::new(PASSWORD);
    catalog.use_link(hash, name, &password, NOW + 1).await
}

/// A new account of this role, acting for athlete 1.
async fn account(catalog: &Catalog, name: &str, role: Role) -> Account {
    let wish = LinkWish::Invite {
        role,
        athlete_id: Some(ONE),
    };
    let hash = link(catalog, wish).await;
    follow(catalog, &hash, name).await.unwrap()
}

/// The first account is made once, however many try, and closes that door.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_first_account_is_made_once(place: &Place) {
    let catalogs = [open_with_athletes(place, 1).await, open(place).await];
    assert!(!catalogs[0].has_accounts().await.unwrap());
    let wish = LinkWish::FirstAccount {
        athlete_id: Some(ONE),
    };
    let links = join_all(catalogs.iter().map(|catalog| link(catalog, wish))).await;
    let third = link(&catalogs[0], wish).await;
    let known = catalogs[1].link(&third, NOW + HOUR - 1).await.unwrap();
    assert_eq!(known.map(|link| (link.wish, link.name)), Some((wish, None)));
    assert_eq!(catalogs[1].link(&third, NOW + HOUR).await.unwrap(), None);

    let names = ["kari", "ola"];
    let made = names
        .iter()
        .enumerate()
        .map(|(index, name)| follow(&catalogs[index], &links[index], name));
    let made = join_all(made).await;
    let born: Vec<_> = made.iter().filter_map(|made| made.as_ref().ok()).collect();
    assert_eq!(born.len(), 1, "{made:?}");
    assert_eq!(born[0].account_id, AccountId(1));
    assert_eq!((born[0].role, born[0].athlete_id), (Role::Admin, Some(ONE)));
    assert!(catalogs[1].has_accounts().await.unwrap());
    assert_eq!(catalogs[1].link(&third, NOW).await.unwrap(), None);
    let late = follow(&catalogs[1], &third, "per").await;
    assert_eq!(trouble(late), AccountTrouble::NoLink);
    assert_eq!(catalogs[0].accounts().await.unwrap().len(), 1);
}

/// A link does what it says once, and not when it is too old.
///
/// # Panics
/// Where the promise is broken.
pub async fn links_do_one_thing_once(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let admin = account(&catalog, "admin", Role::Admin).await;
    let invite = |role, athlete_id| LinkWish::Invite { role, athlete_id };
    // An analyst reads somebody's rows; an athlete may be new.
    let nobodys = catalog.make_link(invite(Role::Analyst, None), None, NOW);
    assert_eq!(trouble(nobodys.await), AccountTrouble::NeedsAthlete);
    let unknown = invite(Role::Athlete, Some(AthleteId(9)));
    let unknown = catalog.make_link(unknown, None, NOW).await.unwrap_err();
    assert!(matches!(unknown, Error::NoAthlete { .. }), "{unknown:?}");

    let hash = link(&catalog, invite(Role::Athlete, None)).await;
    let taken = follow(&catalog, &hash, "ADMIN").await;
    assert_eq!(trouble(taken), AccountTrouble::NameTaken);
    let bad = follow(&catalog, &hash, "no spaces").await;
    assert_eq!(trouble(bad), AccountTrouble::BadName);
    let made = follow(&catalog, &hash, "Kari").await.unwrap();
    assert_eq!((made.name.as_str(), made.role), ("kari", Role::Athlete));
    assert_eq!(made.athlete_id, Some(AthleteId(2)));
    let again = follow(&catalog, &hash, "kari2").await;
    assert_eq!(trouble(again), AccountTrouble::NoLink);
    let password = Secret::new(PASSWORD);
    let late = link(&catalog, invite(Role::Admin, None)).await;
    let late = catalog
        .use_link(&late, "late", &password, NOW + 7 * DAY_US)
        .await;
    assert_eq!(trouble(late), AccountTrouble::NoLink);

    // A new password ends sessions, and the other links to one.
    let wish = LinkWish::Reset {
        account_id: made.account_id,
    };
    let (one, other) = (link(&catalog, wish).await, link(&catalog, wish).await);
    let known = catalog.link(&one, NOW).await.unwrap().unwrap();
    assert_eq!(known.name.as_deref(), Some("kari"));
    let session = catalog.begin_session(made.account_id, None, NOW).await;
    let session = SecretHash::of(session.unwrap().reveal());
    let new = Secret::new("$argon2id$of-another");
    let reset = catalog.use_link(&one, "", &new, NOW).await.unwrap();
    assert_eq!(reset, made);
    assert_eq!(catalog.session(&session, NOW).await.unwrap(), None);
    assert_eq!(catalog.link(&other, NOW).await.unwrap(), None);
    let (_, kept) = catalog.account_named("KARI").await.unwrap().unwrap();
    assert_eq!(kept.unwrap().reveal(), new.reveal());
    assert!(catalog.account_named("k a").await.unwrap().is_none());
    let audit = catalog.account_audit(1).await.unwrap();
    assert_eq!(audit[0].action, AccountAction::PasswordSet);
    assert_eq!(audit[0].account_id, Some(made.account_id));
    assert_eq!(admin.account_id, AccountId(1));
}

/// A session lasts as long as it is used, within 90 days, and ends at once.
///
/// # Panics
/// Where the promise is broken.
pub async fn sessions_last_while_they_are_used(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let kari = account(&catalog, "kari", Role::Athlete).await;
    let begin = async |previous: Option<&SecretHash>, at| {
        let secret = catalog.begin_session(kari.account_id, previous, at).await;
        SecretHash::of(secret.unwrap().reveal())
    };
    let hash = begin(None, NOW).await;
    let held = catalog.session(&hash, NOW + 14 * DAY_US - 1).await.unwrap();
    let (mut session, account) = held.unwrap();
    assert_eq!(account, kari);
    assert_eq!(
        catalog.session(&hash, NOW + 14 * DAY_US).await.unwrap(),
        None
    );
    assert!(!session.is_due(NOW + 59_000_000) && session.is_due(NOW + 60_000_000));
    // Used every ten days it lasts 90, and no longer.
    for day in (10..=80).step_by(10) {
        let at = NOW + day * DAY_US;
        session = catalog.session(&hash, at).await.unwrap().unwrap().0;
        catalog.touch_session(&session, at).await.unwrap();
        // Within the minute nothing is written.
        catalog.touch_session(&session, at + 1).await.unwrap();
        session = catalog.session(&hash, at).await.unwrap().unwrap().0;
        assert_eq!(session.seen_at_us, at);
    }
    assert_eq!(session.expires_at_us, NOW + 90 * DAY_US);
    assert_eq!(
        catalog.session(&hash, NOW + 90 * DAY_US).await.unwrap(),
        None
    );

    // Signing in anew ends what was there.
    let second = begin(Some(&hash), NOW + 81 * DAY_US).await;
    assert_eq!(catalog.session(&hash, NOW).await.unwrap(), None);
    let third = begin(None, NOW + 81 * DAY_US).await;
    let listed = catalog
        .sessions_of(kari.account_id, NOW + 81 * DAY_US)
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    let end = async |which| catalog.end_sessions(kari.account_id, which, NOW).await;
    assert_eq!(end(Some(listed[0].session_id)).await.unwrap(), 1);
    assert_eq!(catalog.session(&third, NOW).await.unwrap(), None);
    assert!(catalog.session(&second, NOW).await.unwrap().is_some());
    assert_eq!(end(None).await.unwrap(), 1);
    assert_eq!(catalog.session(&second, NOW).await.unwrap(), None);
}

/// A token does no more than its role, and ends when it is to.
///
/// # Panics
/// Where the promise is broken.
pub async fn tokens_keep_to_the_role_and_end(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let analyst = account(&catalog, "analyst", Role::Analyst).await;
    let other = account(&catalog, "other", Role::Athlete).await;
    let wanted = |scopes: &[Scope], expires_at_us| NewToken {
        account_id: analyst.account_id,
        name: "a notebook".to_owned(),
        scopes: scopes.iter().copied().collect(),
        expires_at_us,
    };
    for scopes in [&[Scope::Read, Scope::Write][..], &[Scope::Admin], &[]] {
        let new = wanted(scopes, None);
        let refused = catalog.make_token(&new, None, NOW).await;
        assert_eq!(trouble(refused), AccountTrouble::TooWide, "{scopes:?}");
    }
    let new = wanted(&[Scope::Sql, Scope::Read], Some(NOW + DAY_US));
    let (token, secret) = catalog.make_token(&new, None, NOW).await.unwrap();
    assert!(secret.reveal().starts_with("pl_"));
    let hash = SecretHash::of(secret.reveal());
    let held = catalog.token(&hash, NOW + DAY_US - 1).await.unwrap();
    assert_eq!(held, Some((token.clone(), analyst.clone())));
    assert_eq!(catalog.token(&hash, NOW + DAY_US).await.unwrap(), None);
    assert!(token.is_due(NOW));
    for (at, used) in [(1, 1), (2, 1), (60_000_002, 60_000_002)] {
        catalog.touch_token(token.token_id, NOW + at).await.unwrap();
        let listed = catalog.tokens(Some(analyst.account_id)).await.unwrap();
        assert_eq!(listed[0].used_at_us, Some(NOW + used));
    }
    // Nobody revokes, or learns of, another's.
    let owner = Some(other.account_id);
    let refused = catalog.revoke_token(token.token_id, owner, owner, NOW);
    assert_eq!(trouble(refused.await), AccountTrouble::NoToken);
    assert_eq!(catalog.tokens(owner).await.unwrap(), []);
    for _ in 0..2 {
        let revoked = catalog.revoke_token(token.token_id, None, owner, NOW + 5);
        revoked.await.unwrap();
    }
    assert_eq!(catalog.token(&hash, NOW).await.unwrap(), None);
    let all = catalog.tokens(None).await.unwrap();
    assert_eq!(all[0].revoked_at_us, Some(NOW + 5));
    let entries = catalog.account_audit(10).await.unwrap();
    let revoked = entries
        .iter()
        .filter(|entry| entry.action == AccountAction::TokenRevoked);
    assert_eq!(revoked.count(), 1);
}

/// A disabled account is shut out everywhere, and an admin always remains.
///
/// # Panics
/// Where the promise is broken.
pub async fn disabling_shuts_out(place: &Place) {
    let catalogs = [open_with_athletes(place, 1).await, open(place).await];
    let catalog = &catalogs[0];
    let admins = [
        account(catalog, "one", Role::Admin).await,
        account(catalog, "two", Role::Admin).await,
    ];
    let secret = catalog
        .begin_session(admins[1].account_id, None, NOW)
        .await
        .unwrap();
    let session = SecretHash::of(secret.reveal());
    let new = NewToken {
        account_id: admins[1].account_id,
        name: "x".to_owned(),
        scopes: Scopes::parse("admin").unwrap(),
        expires_at_us: None,
    };
    let (_, token) = catalog.make_token(&new, None, NOW).await.unwrap();
    let token = SecretHash::of(token.reveal());
    let reset = LinkWish::Reset {
        account_id: admins[1].account_id,
    };
    let way_back = link(catalog, reset).await;
    // Each admin disables the other at once: one remains.
    let both = admins
        .iter()
        .zip(&catalogs)
        .map(|(admin, catalog)| catalog.disable_account(admin.account_id, None, NOW));
    let both = join_all(both).await;
    let disabled = both.iter().filter(|result| result.is_ok()).count();
    assert_eq!(disabled, 1, "{both:?}");
    let (gone, left) = match both[1].is_ok() {
        true => (&admins[1], &admins[0]),
        false => (&admins[0], &admins[1]),
    };
    let last = catalog.disable_account(left.account_id, None, NOW).await;
    assert_eq!(trouble(last), AccountTrouble::LastAdmin);
    let again = catalog
        .disable_account(gone.account_id, None, NOW + 9)
        .await;
    assert_eq!(again.unwrap().disabled_at_us, Some(NOW));
    if gone == &admins[1] {
        assert_eq!(catalog.session(&session, NOW).await.unwrap(), None);
        assert_eq!(catalog.token(&token, NOW).await.unwrap(), None);
        assert_eq!(catalog.link(&way_back, NOW).await.unwrap(), None);
        let made = catalog.make_token(&new, None, NOW).await;
        assert_eq!(trouble(made), AccountTrouble::NoAccount);
        let made = catalog.make_link(reset, None, NOW).await;
        assert_eq!(trouble(made), AccountTrouble::NoAccount);
    }
    let unknown = catalog.disable_account(AccountId(9), None, NOW).await;
    assert_eq!(trouble(unknown), AccountTrouble::NoAccount);
}

/// No secret that lets someone in is in any table.
///
/// # Panics
/// Where the promise is broken.
pub async fn only_hashes_are_kept(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let invite = LinkWish::Invite {
        role: Role::Athlete,
        athlete_id: Some(ONE),
    };
    let (link, _) = catalog.make_link(invite, None, NOW).await.unwrap();
    let hash = SecretHash::of(link.reveal());
    let kari = follow(&catalog, &hash, "kari").await.unwrap();
    let session = catalog.begin_session(kari.account_id, None, NOW).await;
    let new = NewToken {
        account_id: kari.account_id,
        name: "x".to_owned(),
        scopes: Role::Athlete.scopes(),
        expires_at_us: None,
    };
    let (_, token) = catalog.make_token(&new, None, NOW).await.unwrap();
    let mut kept = String::new();
    for table in [
        "select * from accounts",
        "select * from sessions",
        "select * from api_tokens",
        "select * from account_links",
        "select * from account_audit",
    ] {
        let rows = catalog.db().fetch(table, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        kept.push_str(&format!("{rows:?}"));
    }
    assert!(kept.contains(PASSWORD), "the hash of the password is there");
    for secret in [link, session.unwrap(), token] {
        assert!(!kept.contains(secret.reveal()));
        assert!(!kept.contains(secret.reveal().trim_start_matches("pl_")));
    }
}

/// Whoever purges an athlete purges who signed in for them, and as many rows
/// as the preview said; the installation stays closed.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_purge_takes_accounts_along(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let kari = account(&catalog, "kari@example.org", Role::Athlete).await;
    let admin = account(&catalog, "admin", Role::Admin).await;
    for id in [kari.account_id, admin.account_id] {
        catalog.begin_session(id, None, NOW).await.unwrap();
        let new = NewToken {
            account_id: id,
            name: "of Kari".to_owned(),
            scopes: Scopes::parse("read").unwrap(),
            expires_at_us: None,
        };
        catalog.make_token(&new, None, NOW).await.unwrap();
    }
    let order = PurgeOrder {
        athlete_id: ONE,
        activities: None,
        command: "purge".to_owned(),
        at_us: NOW,
    };
    let (_, previewed, _) = catalog.preview_purge(&order).await.unwrap();
    let purge = catalog.begin_purge(&order).await.unwrap();
    let mut tx = catalog.db().begin().await.unwrap();
    purge_steps::remove_rows(&mut tx, purge.purge_id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let purge = catalog.purge(purge.purge_id).await.unwrap();
    assert_eq!(purge.counts.catalog_rows, previewed);

    assert!(
        catalog
            .account_named("kari@example.org")
            .await
            .unwrap()
            .is_none()
    );
    let accounts = catalog.accounts().await.unwrap();
    assert_eq!(accounts.len(), 2);
    assert!(accounts.iter().all(|account| account.athlete_id.is_none()));
    assert!(accounts[0].disabled_at_us.is_some() && accounts[0].name.contains(' '));
    assert_eq!(accounts[1].disabled_at_us, None);
    let tokens = catalog.tokens(None).await.unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].account_id, admin.account_id);
    let sessions = catalog.sessions_of(kari.account_id, NOW).await.unwrap();
    assert_eq!(sessions, []);
    let audit = catalog.account_audit(100).await.unwrap();
    assert!(
        audit
            .iter()
            .all(|entry| entry.account_id != Some(kari.account_id))
    );
}
