//! Keeps the house in order: which crate may use which, which words live
//! where, how files are named, documented and sized, which dependencies are
//! used, whose the samples are. It reads sources as text and never links them.
//!
//! Each module holds one kind of rule as a function from sources to
//! complaints, and its tests: once on the workspace, where there must be none,
//! and once on small examples, where there must be some. A complaint names the
//! place, and where the thing belongs. Begin at [`words`].

pub mod access;
pub mod codes;
pub mod dependencies;
pub mod files;
pub mod graph;
pub mod samples;
pub mod source;
pub mod words;
pub mod workspace;

/// Fails with all complaints, one a line.
///
/// # Panics
/// If there is a complaint.
pub fn assert_none(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
