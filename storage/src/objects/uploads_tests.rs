//! The XML of a store's answer.

use super::*;

#[test]
fn a_page_of_uploads_is_read() {
    let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>b</Bucket><NextKeyMarker>p/lake/y</NextKeyMarker>
  <NextUploadIdMarker>two</NextUploadIdMarker><IsTruncated>true</IsTruncated>
  <Upload><Key>p/lake/x&amp;</Key><UploadId>one</UploadId>
    <Initiator><ID>i</ID></Initiator><Initiated>2026-11-20T10:00:00.000Z</Initiated></Upload>
  <Upload><Key>p/lake/y</Key><UploadId>two</UploadId></Upload>
</ListMultipartUploadsResult>"#;
    let begun = "2026-11-20T10:00:00Z".parse().ok();
    let expected = Page {
        uploads: vec![
            ("p/lake/x&".to_owned(), "one".to_owned(), begun),
            ("p/lake/y".to_owned(), "two".to_owned(), None),
        ],
        next: Some(("p/lake/y".to_owned(), "two".to_owned())),
    };
    assert_eq!(read_page(xml).unwrap(), expected);
}
