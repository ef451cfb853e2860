//! The pages that one-time links lead to.

use storage::catalog::{Link, LinkWish};

use super::sign_in::push_problem;
use super::{Escaped, page};

/// The page of a link that holds, with what went wrong before.
pub(crate) fn set_up(link: &str, known: &Link, problem: Option<&str>) -> String {
    let (title, what) = match known.wish {
        LinkWish::FirstAccount { .. } => (
            "The first account",
            "It runs this installation, and sees what is there. From now on everyone signs in.",
        ),
        LinkWish::Invite { .. } => (
            "Your account",
            "Choose a name and a password to sign in with.",
        ),
        LinkWish::Reset { .. } => (
            "A new password",
            "Wherever you are signed in, you will be signed out.",
        ),
    };
    let mut html = format!("<h1>{title}</h1>\n<p>{what}</p>\n");
    push_problem(&mut html, problem);
    html.push_str(&format!(
        "<form method=\"post\" action=\"/api/setup\">\n\
         <input type=\"hidden\" name=\"link\" value=\"{}\">\n\
         <label for=\"name\">Name</label>\n",
        Escaped(link)
    ));
    html.push_str(&match &known.name {
        Some(name) => format!(
            "<input id=\"name\" name=\"name\" value=\"{}\" autocomplete=\"username\" readonly>\n",
            Escaped(name)
        ),
        None => "<input id=\"name\" name=\"name\" autocomplete=\"username\" \
             autocapitalize=\"none\" maxlength=\"64\" required autofocus>\n\
             <p class=\"soft\">Letters, digits and . _ - + @</p>\n"
            .to_owned(),
    });
    html.push_str(
        "<label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" minlength=\"10\" \
         autocomplete=\"new-password\" required>\n\
         <p class=\"soft\">At least 10 characters; longer is better than odder.</p>\n\
         <button>Go on</button>\n</form>\n",
    );
    page("pacelake: set up", &html)
}

/// The page of a link that does nothing any more.
pub(crate) fn void() -> String {
    page(
        "pacelake: set up",
        "<h1>Nothing to set up</h1>\n<p>This link was used, is too old, or never was one. An \
         admin makes a new one with <code>pacelake account add</code> or \
         <code>pacelake account link NAME</code>; the link to the first account is printed by \
         <code>pacelake serve</code>.</p>\n<p><a href=\"/signin\">Sign in</a></p>\n",
    )
}
