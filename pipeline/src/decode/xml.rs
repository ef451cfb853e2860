//! A bounded walk through an XML document, for GPX and TCX.
//!
//! It names elements by their path of local names, so that prefixes do not
//! matter; it never holds more than one text; and it does not expand entities
//! that a document declares. The syntax is quick-xml's business.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::limits::{Limits, check};
use super::text::text_of;
use crate::error::DecodeError;

/// One step of the walk.
pub(super) enum Step<'a> {
    /// An element begins; [`Xml::path`] ends with its name.
    Open(BytesStart<'a>),
    /// The element that [`Xml::path`] names ends; [`Xml::text`] is its text.
    Close,
    /// The document is over.
    End,
    /// The document breaks off or is no XML from here on; so many bytes follow.
    CutOff(u64),
}

/// The walk itself.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    length: u64,
    limits: Limits,
    path: String,
    /// Where in `path` each name but the last ends.
    parents: Vec<usize>,
    text: String,
    /// The innermost element was closed and leaves the path at the next step.
    closed: bool,
    /// The innermost element was written as `<name/>`.
    is_empty: bool,
}

impl<'a> Xml<'a> {
    pub(super) fn new(document: &'a str, limits: &Limits) -> Self {
        let document = from_markup(document);
        Self {
            reader: Reader::from_str(document),
            length: document.len() as u64,
            limits: *limits,
            path: String::new(),
            parents: Vec::new(),
            text: String::new(),
            closed: false,
            is_empty: false,
        }
    }

    /// The names from the root to the innermost element: `/gpx/trk/name`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The text of the element that has just closed, trimmed.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    /// That text; `None` where it is empty.
    pub(super) fn text_owned(&self) -> Option<String> {
        Some(self.text().to_owned()).filter(|text| !text.is_empty())
    }

    /// That text as a finite number.
    pub(super) fn number(&self) -> Option<f64> {
        number(self.text())
    }

    /// That text as a number, rounded to a whole one.
    pub(super) fn whole(&self) -> Option<i32> {
        let rounded = self.number()?.round();
        let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&rounded);
        fits.then_some(rounded as i32)
    }

    /// Goes on to the next begin or end of an element.
    ///
    /// # Errors
    /// Where a limit of depth or text is passed.
    pub(super) fn next(&mut self) -> Result<Step<'a>, DecodeError> {
        if std::mem::take(&mut self.closed) {
            self.path.truncate(self.parents.pop().unwrap_or(0));
        }
        if std::mem::take(&mut self.is_empty) {
            self.closed = true;
            return Ok(Step::Close);
        }
        loop {
            let begin = self.reader.buffer_position();
            match self.reader.read_event() {
                Ok(Event::Start(tag)) => {
                    self.open(&tag)?;
                    return Ok(Step::Open(tag));
                }
                Ok(Event::Empty(tag)) => {
                    self.open(&tag)?;
                    self.is_empty = true;
                    return Ok(Step::Open(tag));
                }
                Ok(Event::End(_)) => {
                    self.closed = true;
                    return Ok(Step::Close);
                }
                Ok(Event::Text(text)) => self.add(&text)?,
                Ok(Event::CData(text)) => self.add(&text)?,
                Ok(Event::GeneralRef(reference)) => {
                    if let Ok(Some(character)) = reference.resolve_char_ref() {
                        self.text.push(character);
                    } else if let Some(text) = resolve_predefined_entity(&reference) {
                        self.text.push_str(text);
                    }
                }
                Ok(Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_)) => {}
                Ok(Event::Eof) if self.path.is_empty() => return Ok(Step::End),
                Ok(Event::Eof) => return Ok(Step::CutOff(0)),
                Err(_) => return Ok(Step::CutOff(self.length.saturating_sub(begin))),
            }
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), DecodeError> {
        check(
            tag.len(),
            self.limits.xml_text_bytes,
            "bytes in one XML tag",
        )?;
        self.parents.push(self.path.len());
        check(
            self.parents.len(),
            self.limits.xml_depth,
            "XML elements inside one another",
        )?;
        self.path.push('/');
        // No name of ours is long, and paths are compared at every element.
        const LONGEST_NAME: usize = 64;
        let name = tag.local_name();
        if name.as_ref().len() <= LONGEST_NAME {
            self.path.push_str(name.as_ref());
        }
        self.text.clear();
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), DecodeError> {
        let bytes = self.text.len() + text.len();
        check(bytes, self.limits.xml_text_bytes, "bytes in one XML text")?;
        self.text.push_str(text);
        Ok(())
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// The attribute of that local name, with references resolved.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let attribute = attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    // A value with a bare `&` is no XML, and still a value.
    let value = quick_xml::escape::unescape(&attribute.value).map(|text| text.into_owned());
    Some(value.unwrap_or_else(|_| attribute.value.into_owned()))
}

/// `text` without what stands before its markup: Strava's archive has spaces
/// there, and sometimes a byte order mark behind them.
fn from_markup(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// The local name of the root element; `None` where `bytes` begin like no XML.
pub(super) fn root_name(bytes: &[u8]) -> Option<String> {
    // A declaration, comments and a document type come before the root.
    const BEGINNING: usize = 64 << 10;
    let text = text_of(&bytes[..bytes.len().min(BEGINNING)]);
    let text = from_markup(&text);
    if !text.starts_with('<') {
        return None;
    }
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                return Some(tag.local_name().as_ref().to_owned());
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::{Code, Failure};

    use super::*;

    fn walk(document: &str, limits: &Limits) -> Result<Vec<String>, DecodeError> {
        let mut xml = Xml::new(document, limits);
        let mut steps = Vec::new();
        loop {
            match xml.next()? {
                Step::Open(_) => {}
                Step::Close => steps.push(format!("{} {:?}", xml.path(), xml.text())),
                Step::End => return Ok(steps),
                Step::CutOff(bytes) => {
                    steps.push(format!("cut off {bytes}"));
                    return Ok(steps);
                }
            }
        }
    }

    #[test]
    fn prefixes_empty_elements_and_references_do_not_matter() {
        let document = "  <?xml version='1.0'?><a xmlns:n='u'><n:b>1 &lt; &#50;</n:b><c/>\
            <d><![CDATA[<x>]]></d></a>";
        let steps = walk(document, &Limits::default()).expect("within limits");
        assert_eq!(
            steps,
            ["/a/b \"1 < 2\"", "/a/c \"\"", "/a/d \"<x>\"", "/a \"<x>\""]
        );
    }

    #[test]
    fn a_document_that_breaks_off_gives_what_stands_before() {
        let steps = walk("<a><b>1</b><b>2</", &Limits::default()).expect("within limits");
        assert_eq!(steps.first().map(String::as_str), Some("/a/b \"1\""));
        assert!(steps.last().expect("a step").starts_with("cut off"));
    }

    #[test]
    fn declared_entities_are_not_expanded() {
        let document = "<!DOCTYPE a [<!ENTITY x 'xxxxxxxx'><!ENTITY y '&x;&x;'>]><a>&y;&y;</a>";
        let steps = walk(document, &Limits::default()).expect("within limits");
        assert_eq!(steps, ["/a \"\""]);
    }

    #[test]
    fn depth_and_text_are_bounded() {
        let limits = Limits {
            xml_depth: 3,
            xml_text_bytes: 10,
            ..Limits::default()
        };
        let deep = walk("<a><a><a><a/></a></a></a>", &limits).expect_err("too deep");
        assert_eq!(deep.to_string(), "over 3 XML elements inside one another");
        let long = walk("<a>12345678901</a>", &limits).expect_err("too long");
        assert_eq!(long.code(), Code::InputTooLarge);
        let tag = walk("<a b='12345678901'/>", &limits).expect_err("too long");
        assert_eq!(tag.to_string(), "over 10 bytes in one XML tag");
    }
}
