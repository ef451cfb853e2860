//! The page that signs in.

use super::{Escaped, page, page_leading_to};

/// The page that goes on to the path `next`, with what went wrong before;
/// `closed` says whether there are accounts.
pub(crate) fn sign_in(next: &str, problem: Option<&str>, closed: bool) -> String {
    let mut html = String::from("<h1>Sign in</h1>\n");
    if !closed {
        html.push_str(
            "<p>There are no accounts yet: the first one is made by the link that \
             <code>pacelake serve</code> prints.</p>\n",
        );
    }
    push_problem(&mut html, problem);
    html.push_str(&format!(
        "<form method=\"post\" action=\"/api/session\">\n\
         <input type=\"hidden\" name=\"next\" value=\"{}\">\n\
         <label for=\"name\">Name</label>\n\
         <input id=\"name\" name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" \
         required autofocus>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required>\n\
         <button>Sign in</button>\n</form>\n\
         <p class=\"soft\">Whoever forgot theirs asks an admin for a link \
         (<code>pacelake account link NAME</code>).</p>\n",
        Escaped(next)
    ));
    page("pacelake: sign in", &html)
}

/// The page for whoever signed in, which leads on to the path `next`.
pub(crate) fn signed_in(next: &str) -> String {
    let html = format!(
        "<h1>You are signed in</h1>\n<p><a href=\"{}\">Go on</a></p>\n",
        Escaped(next)
    );
    page_leading_to(next, "pacelake: signed in", &html)
}

/// What went wrong, where something did.
pub(super) fn push_problem(html: &mut String, problem: Option<&str>) {
    if let Some(problem) = problem {
        html.push_str(&format!(
            "<p class=\"problem\" role=\"alert\">{}</p>\n",
            Escaped(problem)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_text() {
        let html = sign_in("/\"><script>", Some("<b>no</b>"), true);
        assert!(html.contains("value=\"/&quot;&gt;&lt;script&gt;\""));
        assert!(html.contains("&lt;b&gt;no&lt;/b&gt;"));
        assert!(!html.contains("no accounts yet"));
        let html = signed_in("/a?b=\"><script>&c=1");
        let next = "/a?b=&quot;&gt;&lt;script&gt;&amp;c=1";
        assert!(
            html.contains(&format!("content=\"0;url={next}\"")),
            "{html}"
        );
        assert!(html.contains(&format!("href=\"{next}\"")), "{html}");
    }
}
