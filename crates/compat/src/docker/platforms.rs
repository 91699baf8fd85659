//! The pairs of system and architecture that `docker manifest annotate` takes.

/// Measured on docker 28.2.2, by trying all of Go's pairs.
const SUPPORTED: [(&str, &[&str]); 9] = [
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm"]),
    ("linux", &["386", "amd64", "arm", "arm64", "ppc64le", "mips64", "mips64le", "riscv64", "s390x"]),
    ("netbsd", &["386", "amd64", "arm"]),
    ("openbsd", &["386", "amd64", "arm"]),
    ("plan9", &["386", "amd64"]),
    ("solaris", &["amd64"]),
    ("windows", &["386", "amd64"]),
];

/// Tells whether docker takes the pair, letter for letter.
pub fn is_supported(os: &str, architecture: &str) -> bool {
    SUPPORTED.iter().any(|(system, architectures)| *system == os && architectures.contains(&architecture))
}

#[cfg(test)]
mod tests {
    use super::{SUPPORTED, is_supported};

    #[test]
    fn takes_docker_s_pairs_and_no_others() {
        assert_eq!(SUPPORTED.iter().map(|(_, architectures)| architectures.len()).sum::<usize>(), 28);
        assert!(is_supported("linux", "riscv64") && is_supported("windows", "amd64"));
        for (os, architecture) in [("linux", "loong64"), ("windows", "arm64"), ("Linux", "amd64"), ("linux", "x86_64"), ("", "")] {
            assert!(!is_supported(os, architecture), "{os}/{architecture}");
        }
    }
}
