//! Long lists, odd names in them, and registries that have their own idea of a page.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use content::{Error, Source};
use fault::{Fault, Kind};
use remote::{Client, Intent, Listing};
use support::{Fake, answer, open, settings};

const COUNT: usize = 50_000;

async fn all(mut listing: Listing) -> content::Result<(Vec<String>, Vec<String>, usize)> {
    let (mut names, mut refused, mut pages) = (Vec::new(), Vec::new(), 0);
    while let Some(page) = listing.next().await? {
        names.extend(page.names);
        refused.extend(page.refused);
        pages += 1;
    }
    Ok((names, refused, pages))
}

/// Names that are long enough that all of them are more than a manifest may be.
fn name(number: usize) -> String {
    format!("v{number:06}-{}", "x".repeat(100))
}

fn list(field: &str, numbers: std::ops::Range<usize>) -> String {
    serde_json::json!({ field: numbers.map(name).collect::<Vec<_>>() }).to_string()
}

#[tokio::test]
async fn fifty_thousand_tags_come_in_pages() {
    let fake = Fake::start(|seen, number| {
        assert!(seen.line.contains("n=1000"), "{}", seen.line);
        let next = format!("</v2/app/tags/list?n=1000&last={}>; rel=\"next\"", name(number));
        let headers = [("link", next.as_str())];
        answer(200, if number < 49 { &headers } else { &[] }, list("tags", number * 1_000..(number + 1) * 1_000))
    })
    .await;
    let (names, refused, pages) = all(open(settings().0, &format!("{}/app", fake.host()), Intent::Read).list_tags()).await.unwrap();
    assert_eq!((names.len(), refused.len(), pages), (COUNT, 0, 50));
    assert!(names.iter().enumerate().all(|(number, found)| *found == name(number)));
}

#[tokio::test]
async fn fifty_thousand_tags_come_at_once() {
    let fake = Fake::start(|_, _| answer(200, &[], list("tags", 0..COUNT))).await;
    let place = open(settings().0, &format!("{}/app", fake.host()), Intent::Read);
    assert!(list("tags", 0..COUNT).len() > 4 << 20);
    assert_eq!(place.tags().await.unwrap().len(), COUNT);
    assert_eq!(fake.lines(), ["GET /v2/app/tags/list?n=1000"]);
}

#[tokio::test]
async fn a_page_without_end_is_not_read_to_it() {
    let fake = Fake::start(|_, _| answer(200, &[], format!("{{\"tags\":[\"{}", "x".repeat(17 << 20)))).await;
    let error = all(open(settings().0, &format!("{}/app", fake.host()), Intent::Read).list_tags()).await.unwrap_err();
    assert!(error.to_string().contains("is too long: expected at most 16777216 bytes"), "{error}");
}

#[tokio::test]
async fn a_registry_with_smaller_pages_is_asked_again() {
    let fake = Fake::start(|seen, _| {
        if seen.line.contains("n=") {
            return answer(
                400,
                &[],
                r#"{"errors":[{"code":"PAGINATION_NUMBER_INVALID","message":"invalid number of results requested"}]}"#,
            );
        }
        answer(200, &[], r#"{"tags":["a"]}"#)
    })
    .await;
    let (names, ..) = all(open(settings().0, &format!("{}/app", fake.host()), Intent::Read).list_tags()).await.unwrap();
    assert_eq!(names, ["a"]);
    assert_eq!(fake.lines(), ["GET /v2/app/tags/list?n=1000", "GET /v2/app/tags/list"]);
}

#[tokio::test]
async fn what_can_be_no_name_is_kept_apart() {
    let fake = Fake::start(|seen, _| {
        if seen.line.contains("_catalog") {
            return answer(200, &[], r#"{"repositories":["acme/api","../etc","a:b","Acme","x@y",""]}"#);
        }
        answer(200, &[], r#"{"tags":["1.0","../../etc/passwd","\u001b[2J","a b",""]}"#)
    })
    .await;
    let client = Client::new(settings().0).unwrap();
    let tags = all(client.repository(&format!("{}/app", fake.host()).parse().unwrap(), Intent::Read).list_tags()).await.unwrap();
    assert_eq!(tags.0, ["1.0"]);
    assert_eq!(tags.1, ["../../etc/passwd", "\u{1b}[2J", "a b", ""]);
    let repositories = all(client.repositories(&fake.host()).unwrap()).await.unwrap();
    assert_eq!(repositories.0, ["acme/api"]);
    assert_eq!(repositories.1.len(), 5);
}

#[tokio::test]
async fn a_registry_without_a_catalogue_says_so() {
    let fake = Fake::start(|_, _| answer(404, &[], "404 page not found")).await;
    let client = Client::new(settings().0).unwrap();
    let error = all(client.repositories(&fake.host()).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("{} does not tell which repositories it has", fake.host()));
    assert_eq!(error.kind(), Kind::Place);
    assert!(error.hint().unwrap().to_string().contains("polyarch registry ls"));
}
