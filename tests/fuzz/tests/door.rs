//! The SQL door, by a grammar: every statement that does more than read, in
//! everything that it can stand inside of, and text by chance.

use pacelake_fuzz::Target;
use pacelake_fuzz::door::{Door, SHELLS, WRITERS};
use proptest::prelude::*;

#[test]
fn no_statement_that_writes_is_let_through_in_any_shell() {
    let door = Door::new();
    let mut asked = 0;
    for writer in WRITERS {
        for outer in SHELLS {
            for inner in SHELLS {
                let text = outer.replace("{}", &inner.replace("{}", writer));
                let answer = door.ask(&text);
                assert!(answer.is_err(), "{answer:?} to {text}");
                asked += 1;
            }
        }
        door.assert_unchanged(writer);
    }
    println!("{asked} statements refused");
}

#[test]
fn a_statement_that_reads_is_answered() {
    let door = Door::new();
    for (text, rows) in [
        ("SELECT n FROM numbers", 5),
        ("WITH t AS (SELECT n FROM numbers) SELECT * FROM t", 5),
        ("SELECT * FROM words WHERE id IN (SELECT n FROM numbers)", 1),
        ("SELECT * FROM samples", 0),
    ] {
        assert_eq!(door.ask(text).unwrap(), rows, "{text}");
    }
    door.assert_unchanged("statements that read");
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let door = Door::new();
    let deep = |open: &str, inside: &str, close: &str, n: usize| {
        format!("SELECT {}{inside}{}", open.repeat(n), close.repeat(n))
    };
    for n in [10, 12, 25, 49, 60, 200, 5_000, 100_000] {
        for text in [
            deep("(", "1", ")", n),
            deep("(SELECT ", "1", ")", n),
            deep("NOT ", "TRUE", "", n),
            deep("- ", "1", "", n),
            deep("", "1", " + 1", n),
            deep("", "TRUE", " AND TRUE", n),
            deep("CASE WHEN TRUE THEN ", "1", " END", n),
            deep("[", "1", "]", n),
            deep("", "1", " UNION ALL SELECT 1", n.min(2_000)),
            deep("abs(", "1", ")", n),
            deep("CAST(", "1", " AS INT)", n),
            // The parser goes back where it meets an error.
            deep("CAST(", "1", "", n),
            deep("NOT (", "1", "", n),
            deep("1 IN (", "1", "", n),
            deep("EXISTS (SELECT ", "1", "", n),
            deep("INTERVAL (", "1", "", n),
            deep("CASE WHEN ", "1", "", n),
            deep("(", "1 +", "", n),
            deep("* FROM (SELECT ", "1", "", n),
        ] {
            let _ = door.ask(&text);
        }
    }
    door.assert_unchanged("deep nesting");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_text_writes_or_breaks_it(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        (Target::named("sql").unwrap().run)(&bytes);
    }
}
