//! Headers and error bodies, as a registry sends them and as a client sends them to ours.

use std::time::{Duration, UNIX_EPOCH};

use remote::Patience;
use remote::fuzz::Demand;
use url::Url;

use crate::text;

/// What is understood of `WWW-Authenticate` is the same when it is written properly.
pub fn challenge(bytes: &[u8]) {
    let Some(demand) = remote::fuzz::challenge(bytes) else { return };
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let written = match &demand {
        Demand::Token { realm, service: Some(service) } => format!("Bearer realm={},service={}", quote(realm), quote(service)),
        Demand::Token { realm, service: None } => format!("Bearer realm={}", quote(realm)),
        Demand::Password => "Basic".to_owned(),
    };
    assert_eq!(remote::fuzz::challenge(written.as_bytes()), Some(demand), "{written}");
}

/// The next page's address is a whole URL, and the same when it is written properly.
pub fn link(bytes: &[u8]) {
    let base: Url = "https://reg.lan:5000/v2/a/tags/list?n=2".parse().unwrap();
    let Some(next) = remote::fuzz::next_page(bytes, &base) else { return };
    let written = format!("<{next}>; rel=\"next\"");
    assert_eq!(remote::fuzz::next_page(written.as_bytes(), &base), Some(next), "{written}");
}

/// No pause is longer than patience lasts, whatever is asked for.
pub fn retry_after(bytes: &[u8]) {
    let patience = Patience::default();
    for now in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(784_111_770)] {
        let pause = remote::fuzz::pause(bytes, now, patience);
        assert!(pause.is_none_or(|pause| pause <= patience.most), "{pause:?}");
        let digits = text(bytes).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let seconds = digits.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        assert!(seconds.is_none_or(|seconds| pause == Some(seconds.min(patience.most))), "{seconds:?} became {pause:?}");
    }
}

/// A part lies inside the blob, and a range that is written properly reads back.
pub fn range(bytes: &[u8]) {
    let Some(header) = text(bytes) else { return };
    for size in [0, 1, 10, u64::MAX] {
        if let Some(part) = serve::fuzz::wanted(header, size) {
            assert!(part.start <= part.end && part.end <= size, "{header:?} of {size}: {part:?}");
            let again = (!part.is_empty()).then(|| serve::fuzz::wanted(&format!("bytes={}-{}", part.start, part.end - 1), size));
            assert!(again.is_none_or(|again| again == Some(part.clone())), "{header:?} of {size}: {part:?}");
        }
    }
    if let Some(sent) = serve::fuzz::sent(header) {
        assert!(sent.start < sent.end, "{header:?}: {sent:?}");
        let (first, last) = (sent.start, sent.end - 1);
        assert_eq!(serve::fuzz::sent(&format!("{first}-{last}")), Some(sent), "{header:?}");
        // What our client makes of the same header in an answer.
        assert_eq!(remote::fuzz::range_start(&format!("bytes {first}-{last}/*")), Some(first), "{header:?}");
    }
    if let Some(start) = remote::fuzz::range_start(header) {
        assert_eq!(remote::fuzz::range_start(&format!("bytes {start}-{start}/*")), Some(start), "{header:?}");
    }
}

/// What a server says in its error fits into one line of a terminal.
pub fn problem(bytes: &[u8]) {
    let Some(said) = remote::fuzz::said(bytes) else { return };
    assert!(!said.chars().any(char::is_control), "{said:?}");
    assert!(!said.trim().is_empty() && said.chars().count() <= 5 * 303, "{said:?}");
}

/// A URL is shown without its password and without the values that sign it.
pub fn shown_url(bytes: &[u8]) {
    const SECRET: &str = "Zq7-secret";
    let Some(mut url) = text(bytes).and_then(|text| text.parse::<Url>().ok()) else { return };
    if url.as_str().contains(SECRET) || url.cannot_be_a_base() {
        return;
    }
    // A URL without a host takes no password; the signature is there all the same.
    let _ = url.set_username("somebody").and_then(|()| url.set_password(Some(SECRET)));
    url.query_pairs_mut().append_pair("X-Amz-Signature", SECRET).append_pair("token", SECRET);
    let shown = remote::fuzz::shown(&url);
    assert!(!shown.contains(SECRET) && !shown.chars().any(char::is_control), "{shown:?}");
}
