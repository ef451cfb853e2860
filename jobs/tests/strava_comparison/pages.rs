//! A page whose tables are written by what they tell of.

/// The page with each table between its two marks.
///
/// # Panics
/// If a mark is missing.
pub fn with_tables(page: &str, tables: &[(&str, String)]) -> String {
    let mut text = page.to_owned();
    for (name, table) in tables {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->\n"),
        );
        let (before, rest) = text
            .split_once(&begin)
            .expect("a table has a mark before it");
        let (_, after) = rest.split_once(&end).expect("a table has a mark behind it");
        text = format!("{before}{begin}{table}{end}{after}");
    }
    text
}

/// The first line that differs, as it is and as it should be.
pub fn first_difference(written: &str, computed: &str) -> String {
    let mut lines = written.lines().zip(computed.lines());
    let differs = lines.find(|(a, b)| a != b);
    differs.map_or_else(
        || "one of them is longer".to_owned(),
        |(is, should)| format!("is:     {is}\nshould: {should}"),
    )
}

/// A table in Markdown.
pub fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let mut text = line(&head) + &rule;
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}

/// A number with so many decimals at most, without those that are nothing.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text.as_str(),
    };
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// The same, or nothing.
pub fn maybe(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| number(value, decimals))
}
