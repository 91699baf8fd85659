//! The part of an address behind the question mark, and the pages of long lists.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::refusal::{Code, Refusal};

/// The parameters of a request, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the question mark. A plus is a plus: no parameter of the protocol has
    /// spaces, and `artifactType` has pluses that not every client encodes.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        };
        Self(text.unwrap_or_default().split('&').filter(|text| !text.is_empty()).map(pair).collect())
    }

    /// Returns all parameters of that name.
    pub(crate) fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the first parameter of that name.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// Encodes one value for an address.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// One page of a sorted list (distribution-spec 1.1, "Listing Tags").
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// What is on it.
    pub(crate) entries: Vec<String>,
    /// The `Link` header that leads to the next one, where there is one.
    pub(crate) link: Option<String>,
}

/// Cuts the page that `n` and `last` ask for out of everything.
///
/// # Errors
/// Refuses an `n` that is no number.
pub(crate) fn page(path: &str, query: &Query, mut entries: Vec<String>) -> Result<Page, Refusal> {
    entries.sort_unstable();
    if let Some(last) = query.get("last") {
        entries.retain(|entry| entry.as_str() > last);
    }
    let Some(text) = query.get("n") else { return Ok(Page { entries, link: None }) };
    let refused = || {
        Refusal::new(
            Code::PaginationNumberInvalid,
            format!("bad page size {:?}: expected a whole number", text.chars().take(40).collect::<String>()),
        )
    };
    let most: usize = text.parse().map_err(|_| refused())?;
    let more = entries.len() > most;
    entries.truncate(most);
    // No page of nothing leads to another one, or clients would go round for ever.
    let link = entries.last().filter(|_| more).map(|last| format!("<{path}?n={most}&last={}>; rel=\"next\"", encode(last)));
    Ok(Page { entries, link })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cut(query: &str) -> Page {
        let entries = ["c", "a", "b", "B"].map(str::to_owned).to_vec();
        page("/v2/x/tags/list", &Query::parse(Some(query)), entries).unwrap()
    }

    #[test]
    fn pages_follow_each_other_until_the_end() {
        assert_eq!(cut("").entries, ["B", "a", "b", "c"]);
        let first = cut("n=3");
        assert_eq!(first.entries, ["B", "a", "b"]);
        assert_eq!(first.link.as_deref(), Some("</v2/x/tags/list?n=3&last=b>; rel=\"next\""));
        assert_eq!(cut("n=3&last=b"), Page { entries: vec!["c".to_owned()], link: None });
        assert_eq!(cut("n=0"), Page { entries: Vec::new(), link: None });
        assert_eq!(cut("n=4").link, None);
        assert_eq!(cut("last=zzz").entries, [""; 0]);
        for bad in ["n=x", "n=-1", "n=", "n=99999999999999999999999"] {
            assert!(page("/", &Query::parse(Some(bad)), Vec::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_decoded_and_pluses_stay() {
        let query = Query::parse(Some("digest=sha256%3Aab&artifactType=application/a+json&empty&digest=other"));
        assert_eq!(query.get("digest"), Some("sha256:ab"));
        assert_eq!(query.get("artifactType"), Some("application/a+json"));
        assert_eq!((query.get("empty"), query.get("absent")), (Some(""), None));
    }
}
