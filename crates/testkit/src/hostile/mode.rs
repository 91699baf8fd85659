//! The ways in which registries differ from the specification, and what each is called on a command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One way to be difficult. Who was seen to be so stands with each; a registry may have several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A PATCH is answered 201 where 202 is due: ECR (jdx/mise#11376).
    CreatedPatch,
    /// `Range` says `0-0` whatever was stored: ECR (aws/containers-roadmap#2831).
    StuckRange,
    /// No request body above so many bytes, refused with this status: GHCR 416 at 4 MiB
    /// (wasmCloud/wash-archive#268), proxies 413.
    BodyCap {
        /// The most bytes of one body.
        bytes: u64,
        /// The status of the refusal.
        status: u16,
    },
    /// So many requests in so many seconds; the next one is told 429 with `Retry-After`.
    RateLimit {
        /// Requests in one stretch of time.
        requests: u32,
        /// The length of the stretch, in seconds.
        seconds: u64,
    },
    /// What comes of the wish to mount a blob.
    Mount(Mount),
    /// What was put is not there for some time, by reads and by manifests that name it, and a tag
    /// that was moved still shows its old manifest: GHCR, registries on replicated storage.
    Lag(Duration),
    /// The challenge names the scope of some other repository: GHCR (cloudflare/serverless-registry#148).
    PlaceholderScope,
    /// A token is good for so many requests only, so it expires in the middle of a push.
    ShortTokens(u32),
    /// The connection ends after so many bytes of a body that is sent here. They are kept, and the
    /// status of the upload tells of them.
    CutUpload {
        /// Bytes taken of one body.
        bytes: u64,
        /// How many bodies are cut off, until the network is well again.
        times: u32,
    },
    /// An upload whose connection ended is forgotten.
    ForgetUploads,
    /// The connection ends after so many bytes of a blob that is read.
    CutDownload {
        /// Bytes sent of one body.
        bytes: u64,
        /// How many bodies are cut off.
        times: u32,
    },
    /// No referrers API: GHCR, distribution.
    NoReferrers,
    /// `Docker-Content-Digest` is that of something else.
    WrongDigest,
    /// `Location` is a path without a host, as RFC 9110 allows.
    RelativeLocation,
    /// Blobs are read from another host, where a 307 leads: registries on object storage.
    Elsewhere,
    /// Every third request is answered 500.
    EveryThird,
    /// A tag never moves, refused in the manner of somebody.
    Immutable(Immutable),
    /// `Content-Range: bytes 0-9` is refused: ACR (dotnet/sdk-container-builds#258).
    BareRange,
    /// DELETE takes digests only: distribution 2.
    DigestDelete,
    /// `Range` of a read is ignored.
    NoRanges,
    /// Every answer carries a `Warning` (distribution-spec 1.1, "Warnings").
    Warnings,
}

/// What comes of the wish to mount a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// 401: Harbor, for a project it does not know (goharbor/harbor#17097).
    Unauthorized,
    /// 403.
    Forbidden,
    /// 202: the blob is to be uploaded.
    Accepted,
    /// 403 without any body: Docker Hub (goreleaser/goreleaser#5853).
    Empty,
}

/// In whose manner an immutable tag is defended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immutable {
    /// 400 `TAG_INVALID`, after the manifest was looked at (osscontainertools/kaniko#204).
    Ecr,
    /// 412 `PRECONDITION`, before the manifest is read (goharbor/harbor, middleware/immutable).
    Harbor,
    /// 409 `CONFLICT`, after the manifest was looked at.
    Conflict,
}

impl Mode {
    /// One of each, as tests and people use them.
    pub const ALL: [Self; 29] = [
        Self::CreatedPatch,
        Self::StuckRange,
        Self::BodyCap { bytes: 4 << 20, status: 416 },
        Self::BodyCap { bytes: 4 << 20, status: 413 },
        Self::RateLimit { requests: 5, seconds: 1 },
        Self::Mount(Mount::Unauthorized),
        Self::Mount(Mount::Forbidden),
        Self::Mount(Mount::Accepted),
        Self::Mount(Mount::Empty),
        Self::Lag(Duration::from_millis(300)),
        Self::PlaceholderScope,
        Self::ShortTokens(12),
        Self::CutUpload { bytes: 300_000, times: u32::MAX },
        Self::CutUpload { bytes: 300_000, times: 2 },
        Self::ForgetUploads,
        Self::CutDownload { bytes: 300_000, times: u32::MAX },
        Self::CutDownload { bytes: 300_000, times: 2 },
        Self::NoReferrers,
        Self::WrongDigest,
        Self::RelativeLocation,
        Self::Elsewhere,
        Self::EveryThird,
        Self::Immutable(Immutable::Ecr),
        Self::Immutable(Immutable::Harbor),
        Self::Immutable(Immutable::Conflict),
        Self::BareRange,
        Self::DigestDelete,
        Self::NoRanges,
        Self::Warnings,
    ];
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatedPatch => formatter.write_str("created-patch"),
            Self::StuckRange => formatter.write_str("stuck-range"),
            Self::BodyCap { bytes, status } => write!(formatter, "body-cap={bytes},{status}"),
            Self::RateLimit { requests, seconds } => write!(formatter, "rate-limit={requests},{seconds}"),
            Self::Mount(Mount::Unauthorized) => formatter.write_str("mount=401"),
            Self::Mount(Mount::Forbidden) => formatter.write_str("mount=403"),
            Self::Mount(Mount::Accepted) => formatter.write_str("mount=202"),
            Self::Mount(Mount::Empty) => formatter.write_str("mount=empty"),
            Self::Lag(time) => write!(formatter, "lag={}", time.as_millis()),
            Self::PlaceholderScope => formatter.write_str("placeholder-scope"),
            Self::ShortTokens(uses) => write!(formatter, "short-tokens={uses}"),
            Self::CutUpload { bytes, times: u32::MAX } => write!(formatter, "cut-upload={bytes}"),
            Self::CutUpload { bytes, times } => write!(formatter, "cut-upload={bytes},{times}"),
            Self::ForgetUploads => formatter.write_str("forget-uploads"),
            Self::CutDownload { bytes, times: u32::MAX } => write!(formatter, "cut-download={bytes}"),
            Self::CutDownload { bytes, times } => write!(formatter, "cut-download={bytes},{times}"),
            Self::NoReferrers => formatter.write_str("no-referrers"),
            Self::WrongDigest => formatter.write_str("wrong-digest"),
            Self::RelativeLocation => formatter.write_str("relative-location"),
            Self::Elsewhere => formatter.write_str("elsewhere"),
            Self::EveryThird => formatter.write_str("every-third"),
            Self::Immutable(Immutable::Ecr) => formatter.write_str("immutable=ecr"),
            Self::Immutable(Immutable::Harbor) => formatter.write_str("immutable=harbor"),
            Self::Immutable(Immutable::Conflict) => formatter.write_str("immutable=conflict"),
            Self::BareRange => formatter.write_str("bare-range"),
            Self::DigestDelete => formatter.write_str("digest-delete"),
            Self::NoRanges => formatter.write_str("no-ranges"),
            Self::Warnings => formatter.write_str("warnings"),
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    /// Reads what [`Mode`] displays; numbers may be other ones, `lag` is in milliseconds.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(mode) = Self::ALL.into_iter().find(|mode| mode.to_string() == text) {
            return Ok(mode);
        }
        let unknown = || {
            let known: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("no mode {text:?}, expected one of {}", known.join(" "))
        };
        let (word, values) = text.split_once('=').ok_or_else(unknown)?;
        let numbers: Result<Vec<u64>, _> = values.split(',').map(str::parse).collect();
        let numbers = numbers.map_err(|_| unknown())?;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        match (word, numbers.as_slice()) {
            ("body-cap", [bytes, status @ 400..=599]) => Ok(Self::BodyCap { bytes: *bytes, status: *status as u16 }),
            ("rate-limit", [requests, seconds]) => Ok(Self::RateLimit { requests: small(*requests), seconds: *seconds }),
            ("lag", [time]) => Ok(Self::Lag(Duration::from_millis(*time))),
            ("short-tokens", [uses]) => Ok(Self::ShortTokens(small(*uses))),
            ("cut-upload", [bytes]) => Ok(Self::CutUpload { bytes: *bytes, times: u32::MAX }),
            ("cut-upload", [bytes, times]) => Ok(Self::CutUpload { bytes: *bytes, times: small(*times) }),
            ("cut-download", [bytes]) => Ok(Self::CutDownload { bytes: *bytes, times: u32::MAX }),
            ("cut-download", [bytes, times]) => Ok(Self::CutDownload { bytes: *bytes, times: small(*times) }),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_its_own_name() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("lag=10000".parse(), Ok(Mode::Lag(Duration::from_secs(10))));
        assert!("lag=soon".parse::<Mode>().is_err());
        assert!("kind".parse::<Mode>().is_err());
    }
}
