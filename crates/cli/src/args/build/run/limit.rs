//! `--ulimit`: bounds of every process, by Docker's names.

use std::str::FromStr;

use dockerfile::nearest_name;
use sandbox::{Limit, Resource};

use super::error::RunWordError;

/// What can be bounded, by the names of go-units. It leaves out `as`, which hits whoever starts the process.
const NAMES: [(&str, Resource); 15] = [
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::FileSize),
    ("locks", Resource::Locks),
    ("memlock", Resource::LockedMemory),
    ("msgqueue", Resource::MessageQueues),
    ("nice", Resource::Nice),
    ("nofile", Resource::OpenFiles),
    ("nproc", Resource::Processes),
    ("rss", Resource::ResidentSet),
    ("rtprio", Resource::RealTimePriority),
    ("rttime", Resource::RealTimeTime),
    ("sigpending", Resource::PendingSignals),
    ("stack", Resource::Stack),
];

/// One `--ulimit`: `TYPE=SOFT[:HARD]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitWord(pub Limit);

impl LimitWord {
    /// Returns the limits of a build: of two for one thing, the later one, where the first one stood.
    pub fn settle(all: &[Self]) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        for Self(limit) in all {
            match limits.iter_mut().find(|other| other.resource == limit.resource) {
                Some(other) => *other = *limit,
                None => limits.push(*limit),
            }
        }
        limits
    }
}

impl FromStr for LimitWord {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        let shape = || RunWordError::shape("limit", text, "TYPE=SOFT[:HARD], in whole numbers, unlimited or -1");
        let (name, values) = text.split_once('=').ok_or_else(shape)?;
        let Some((_, resource)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let known = NAMES.map(|(known, _)| known);
            let nearest = nearest_name(name, known);
            return Err(RunWordError::Limit { text: text.to_owned(), name: name.to_owned(), known: known.join(", "), nearest });
        };
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let (soft, hard) = (bound(soft).ok_or_else(shape)?, bound(hard).ok_or_else(shape)?);
        // No bound is higher than any.
        if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
            return Err(RunWordError::LimitOrder(text.to_owned()));
        }
        Ok(Self(Limit { resource: *resource, soft, hard }))
    }
}

/// Reads a bound: none of the inner ones is no bound, which go-units writes -1 and `infinity`, and a shell `unlimited`.
#[expect(clippy::option_option, reason = "the outer one is whether it could be read")]
fn bound(text: &str) -> Option<Option<u64>> {
    match text {
        "-1" | "infinity" | "unlimited" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    #[test]
    fn a_limit_is_soft_and_hard() {
        for (text, resource, soft, hard) in [
            ("nofile=1024:4096", Resource::OpenFiles, Some(1024), Some(4096)),
            ("nofile=1024", Resource::OpenFiles, Some(1024), Some(1024)),
            ("core=0:-1", Resource::Core, Some(0), None),
            ("nproc=-1", Resource::Processes, None, None),
            ("stack=infinity", Resource::Stack, None, None),
            ("memlock=unlimited:unlimited", Resource::LockedMemory, None, None),
        ] {
            assert_eq!(text.parse::<LimitWord>().unwrap(), LimitWord(Limit { resource, soft, hard }), "{text}");
        }
        for text in
            ["", "nofile", "nofile=", "nofile=a", "nofile=1:2:3", "nofile=-2", "nofile=+1", "nofile=1.5", "nofile=99999999999999999999"]
        {
            assert!(matches!(text.parse::<LimitWord>(), Err(RunWordError::Shape { .. })), "{text}");
        }
        for text in ["nofile=2:1", "nofile=-1:1"] {
            assert!(matches!(text.parse::<LimitWord>(), Err(RunWordError::LimitOrder(_))), "{text}");
        }
        let error = "nofiles=1".parse::<LimitWord>().unwrap_err();
        assert!(error.to_string().contains(r#"no type "nofiles", expected core, cpu"#), "{error}");
        assert_eq!(error.hint().unwrap().to_string(), "did you mean nofile");
    }

    #[test]
    fn the_later_one_counts() {
        let all = ["nofile=1", "core=0", "nofile=2"].map(|text| text.parse::<LimitWord>().unwrap());
        let settled: Vec<_> = LimitWord::settle(&all).iter().map(|limit| (limit.resource, limit.soft)).collect();
        assert_eq!(settled, [(Resource::OpenFiles, Some(2)), (Resource::Core, Some(0))]);
    }
}
