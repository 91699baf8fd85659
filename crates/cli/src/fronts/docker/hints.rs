//! What can be done, in the flags that `docker manifest` has.

use std::error::Error;

use fault::{Failure, Hint};
use index::IndexError;
use remote::RemoteError;

/// Returns the hint of a failure. Where the rooms below name a flag of our own verbs, docker's word for it is told.
pub fn of(failure: &Failure) -> Option<Hint> {
    let error: &(dyn Error + 'static) = failure.fault();
    let text = match (from_registry(failure), error.downcast_ref()) {
        (Some(RemoteError::AnswersHttp { .. }), _) => "--insecure speaks HTTP with it".to_owned(),
        (Some(RemoteError::Certificate { host, .. }), _) => {
            format!("--insecure takes any certificate; better, put the CA in /etc/docker/certs.d/{host}/ca.crt")
        }
        (_, Some(IndexError::Disagrees { .. })) => {
            "correct the image, or publish it as it is called with `polyarch create --force-platform`".to_owned()
        }
        _ => return failure.fault().hint(),
    };
    Some(Hint::new(text))
}

/// Finds what a registry said.
pub fn from_registry(failure: &Failure) -> Option<&RemoteError> {
    let error: &(dyn Error + 'static) = failure.fault();
    let of_index = || match error.downcast_ref::<IndexError>()? {
        IndexError::Content(problem) => Some(problem),
        IndexError::Source { problem, .. } => Some(&**problem),
        _ => None,
    };
    match error.downcast_ref::<content::Error>().or_else(of_index)? {
        content::Error::Place(fault) => fault.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_docker_s() {
        let http = || content::Error::place(RemoteError::AnswersHttp { host: "reg".to_owned() });
        let source = IndexError::Source { label: "a".to_owned(), problem: Box::new(http()) };
        for failure in [Failure::from(http()), IndexError::Content(http()).into(), source.into()] {
            assert_eq!(of(&failure).map(|hint| hint.to_string()).as_deref(), Some("--insecure speaks HTTP with it"));
        }
        let missing = content::Error::missing(content::Item::Repository, "reg/x");
        assert_eq!(of(&missing.into()).map(|hint| hint.to_string()), None);
    }
}
