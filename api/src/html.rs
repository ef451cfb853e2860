//! The pages for people: plain HTML, made here, without scripts and without
//! anything from elsewhere.

pub(crate) mod docs;
pub(crate) mod set_up;
pub(crate) mod sign_in;
pub(crate) mod start;

use std::fmt::{self, Write};

/// The style of every page. Colours follow the reader's choice of light or
/// dark; contrast of text is at least 7 to 1 in both.
const STYLE: &str = include_str!("html/style.css");

/// Text that may stand between tags and within quoted attributes.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A whole page around `main`, which is HTML already.
pub(crate) fn page(title: &str, main: &str) -> String {
    whole(title, "", main)
}

/// The same, from which browsers go on to the path `next` by themselves.
pub(crate) fn page_leading_to(next: &str, title: &str, main: &str) -> String {
    let leading = format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={}\">\n",
        Escaped(next)
    );
    whole(title, &leading, main)
}

fn whole(title: &str, head: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         {head}<title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header>\n<a class=\"name\" href=\"/\">pacelake</a>\n<nav aria-label=\"Main\">\n\
         <a href=\"/api/docs\">API</a>\n<a href=\"/api/activities\">Activities</a>\n\
         <a href=\"/api/stats\">Statistics</a>\n</nav>\n</header>\n\
         <main id=\"main\">\n{main}</main>\n</body>\n</html>\n",
        Escaped(title)
    )
}
